"""Albums divided by time: spans with guards between, and the chunks that leak."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from typica.core.errors import ConfigError, DataError
from typica.data.folder import FolderSource
from typica.data.pcm import FULL_SCALE
from typica.data.prepare import prepare
from typica.data.sound import read_audio
from typica.data.spans import CHUNK_S, HOP_S, chunks_of, shared, spans_of
from typica.data.split import SPLITS
from typica.signal.quantise import MuLaw

RATE = 1000
LENGTHS = st.lists(st.integers(1, 400 * RATE), min_size=1, max_size=12)


@pytest.fixture
def album(tmp_path, write):
    """Three recordings that last 150 s together, at another rate than the corpus."""
    for number, seconds in enumerate((70.0, 31.5, 48.5)):
        path = tmp_path / "album" / f"{number}.wav"
        write(path, hertz=100 + 30 * number, seconds=seconds, rate=2000)
    return tmp_path / "album"


def on_the_line(lengths, parts):
    """Return spans as they lie on the line of time, in order."""
    begins = [0, *itertools.accumulate(lengths)]
    placed = (
        (begin + one.start, begin + one.stop, one.split)
        for begin, own in zip(begins, parts, strict=False)
        for one in own
    )
    return sorted(placed)


@given(LENGTHS)
def test_a_guard_of_a_chunk_lies_between_spans_of_different_splits(lengths):
    if sum(lengths) < 12 * CHUNK_S * RATE:
        with pytest.raises(DataError, match="must last 96 s"):
            spans_of(lengths, RATE)
        return

    line = on_the_line(lengths, spans_of(lengths, RATE))

    for (_, stop, split), (start, _, next_split) in itertools.pairwise(line):
        assert start >= stop
        assert split == next_split or start - stop >= CHUNK_S * RATE
    shares = {name: sum(b - a for a, b, s in line if s == name) / sum(lengths) for name in SPLITS}
    seconds = sum(lengths) / RATE
    assert shares["valid"] == pytest.approx(max(0.1, min(0.3, 72 / seconds)), abs=0.01)
    assert shares["test"] == pytest.approx(0.1, abs=0.01)
    assert 0.3 < shares["train"] < 0.8


@given(LENGTHS)
def test_no_span_leaves_its_recording(lengths):
    if sum(lengths) >= 12 * CHUNK_S * RATE:
        for length, spans in zip(lengths, spans_of(lengths, RATE), strict=True):
            assert all(0 <= one.start < one.stop <= length for one in spans)


def test_chunks_are_evenly_spaced_and_cover_the_album():
    length = 2700 * RATE
    (chunks,) = chunks_of([length], RATE)

    starts = [one.start for one in chunks]
    steps = set(np.diff(starts).tolist())
    assert len(chunks) == pytest.approx(3200, rel=0.01)
    assert max(steps) - min(steps) <= 1
    assert max(steps) <= HOP_S * RATE + 1
    assert {one.stop - one.start for one in chunks} == {round(CHUNK_S * RATE)}
    assert (starts[0], chunks[-1].stop) == (0, length)
    counts = [sum(one.split == name for one in chunks) / len(chunks) for name in SPLITS]
    assert counts == pytest.approx([0.88, 0.06, 0.06], abs=1e-3)


def test_what_is_shorter_than_a_chunk_has_none_and_three_are_needed():
    short = round(CHUNK_S * RATE) - 1

    assert [len(own) for own in chunks_of([60 * RATE, short], RATE)] == [63, 0]
    with pytest.raises(DataError, match="there are 1 chunks of 8 s"):
        chunks_of([short + 1], RATE)


@pytest.mark.parametrize("split", ["spans", "chunks"])
def test_the_manifest_tells_the_very_samples(album, split):
    corpus = prepare(FolderSource(album, division=split), rate=RATE, workers=1)
    whole = {
        path.name: read_audio(path, RATE, normalise="peak")[0].numpy() for path in album.iterdir()
    }

    for one in corpus.recordings():
        told = one.facts
        expected = whole[told["recording"]][told["start"] : told["stop"]]
        assert corpus.audio(one)[0].numpy().tobytes() == expected.tobytes()
        assert one.id == f"{told['recording']}[{told['start']}:{told['stop']}]"
        assert one.rms == pytest.approx(np.sqrt(np.square(expected, dtype=np.float64).mean()))


@pytest.mark.parametrize(("split", "least", "most"), [("spans", 0, 0), ("chunks", 0.95, 1)])
def test_spans_share_nothing_and_chunks_nearly_all(album, split, least, most):
    corpus = prepare(FolderSource(album, division=split), rate=RATE, workers=1)
    lines = [one._asdict() for one in corpus.recordings()]

    assert least <= shared(lines) <= most
    assert least <= shared(lines, "test") <= most
    assert all(corpus.recordings(name) for name in SPLITS)


def test_built_in_corpora_have_splits_of_their_own():
    from typica.actions.prepare_data import prepare_data

    with pytest.raises(ConfigError, match="--split is for folders; 'chorales' has its own"):
        prepare_data("chorales", split="spans")


def test_an_index_is_told_apart_by_its_parts(album):
    """Equal sound divided in another way is another corpus: a run must not go on with it."""
    spans = prepare(FolderSource(album, division="spans"), "spans", rate=RATE, workers=1)
    files = prepare(FolderSource(album), "files", rate=RATE, workers=1)

    assert spans.fingerprint != files.fingerprint
    lines = (spans.path / "index.jsonl").read_text().splitlines()
    assert {json.loads(line)["facts"]["recording"] for line in lines} == {"0.wav", "1.wav", "2.wav"}


def test_silence_of_a_scaled_recording_is_the_middle_level(tmp_path, write):
    """Scaled by its range, as the original did, a lopsided recording would gain an offset."""
    import soundfile

    path = write(tmp_path / "album" / "a.wav", seconds=90.0, rate=RATE)
    audio, _ = soundfile.read(path)
    audio = np.where(audio > 0, audio, audio / 4)
    audio[30 * RATE : 60 * RATE] = 0
    soundfile.write(path, audio, RATE)
    corpus = prepare(FolderSource(path.parent), rate=RATE, workers=1)

    (one,) = corpus.recordings()
    levels = MuLaw(8).encode(corpus.audio(one, 30 * RATE, 60 * RATE))

    assert set(levels.flatten().tolist()) == {128}
    assert float(corpus.audio(one).abs().max()) == pytest.approx(0.99, abs=1 / FULL_SCALE)
