import itertools
import time
from collections import Counter

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from typica.core.errors import ConfigError, DataError
from typica.data.crops import Crops
from typica.data.folder import FolderSource
from typica.data.prepare import prepare

LENGTHS = [40, 300, 90, 7, 500, 64]
HOP = 8

# The corpus is the same in every example.
drawn_often = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture
def corpus(ramps):
    """Recordings whose samples count on from one to the next, beginning with 1."""
    return ramps(*LENGTHS, hop=HOP)


def numbers(batch):
    """Return which samples a batch holds, (batch, time); 0 is silence."""
    return (batch["audio"][:, 0] * 2**15).long()


def spans(corpus, split):
    """Return the first and the last sample of each recording."""
    ends = np.cumsum([1, *LENGTHS])
    first = [int(ends[int(one.id)]) for one in corpus.recordings(split)]
    lengths = [one.length for one in corpus.recordings(split)]
    return [(a, a + length - 1) for a, length in zip(first, lengths, strict=True)]


@drawn_often
@given(
    split=st.sampled_from(["train", "valid", "test"]),
    length=st.integers(HOP, 120),
    context=st.integers(0, 40),
    seed=st.integers(0, 2**63),
    step=st.integers(0, 10**9),
    names=st.sampled_from([(), ("roll",)]),
)
def test_a_crop_lies_in_one_recording(corpus, split, length, context, seed, step, names):
    crops = Crops(corpus, split, length=length, context=context, batch=3, seed=seed, names=names)

    for row in numbers(crops.batch(step)):
        sounding = row[row > 0]
        first, last = next(
            (a, b) for a, b in spans(corpus, split) if a <= sounding[0] and sounding[-1] <= b
        )
        before = int((row > 0).int().argmax())
        after = len(row) - before - len(sounding)
        assert torch.equal(sounding, torch.arange(sounding[0], sounding[-1] + 1))
        # Silence stands only where the recording has not begun, or is over.
        assert before == 0 or sounding[0] == first
        assert after == 0 or sounding[-1] == last
        assert before <= context + (HOP - 1 if names else 0)
        assert after == 0 or last - first + 1 < length


def test_where_a_crop_begins_is_drawn_evenly(corpus):
    crops = Crops(corpus, "train", length=30, context=0, batch=20_000)
    counts = Counter(int(row[0]) for row in numbers(crops.batch(0)))

    held = spans(corpus, "train")
    total = sum(b - a + 1 for a, b in held)
    for first, last in held:
        length = last - first + 1
        starts = range(first, max(first, last - 29) + 1)
        share = sum(counts.pop(start, 0) for start in starts) / 20_000
        assert share == pytest.approx(length / total, abs=0.02)
    assert not counts


def test_within_a_recording_each_place_is_as_likely_as_any_other(ramps):
    corpus = ramps(100)
    crops = Crops(corpus, "train", length=81, batch=20_000)

    counts = torch.bincount(numbers(crops.batch(0))[:, 0])[1:]

    assert len(counts) == 20  # from the first sample to that which leaves 81
    # 1000 are expected of each: a deviation of 150 is nearly five of its standard deviations.
    assert (counts - 1000).abs().max() < 150


def test_a_beginning_is_learnt_after_silence(ramps):
    crops = Crops(ramps(100), "train", length=20, context=50, batch=200)

    assert (numbers(crops.batch(0))[:, 50] == 1).any()


def test_a_batch_depends_on_nothing_but_seed_and_step(corpus):
    crops = Crops(corpus, "train", length=30, batch=8, seed=3)
    later = crops.batch(7)["audio"]
    other = Crops(corpus, "train", length=30, batch=8, seed=3)
    for step in range(7):
        other.batch(step)

    assert torch.equal(other.batch(7)["audio"], later)
    assert not torch.equal(other.batch(8)["audio"], later)
    assert not torch.equal(
        Crops(corpus, "train", length=30, batch=8, seed=4).batch(7)["audio"], later
    )


def test_the_global_generators_are_left_alone(corpus):
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)
    expected = np.random.rand(), torch.rand(1)  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)

    Crops(corpus, "train", length=30, batch=8).batch(0)

    assert (np.random.rand(), torch.rand(1)) == expected  # noqa: NPY002


@drawn_often
@given(world=st.integers(1, 4), step=st.integers(0, 1000))
def test_processes_share_the_batch_of_one_larger_process(corpus, world, step):
    whole = Crops(corpus, "train", length=30, batch=4 * world).batch(step)["audio"]

    parts = [
        Crops(corpus, "train", length=30, batch=4, rank=rank, world=world).batch(step)["audio"]
        for rank in range(world)
    ]

    assert torch.equal(torch.cat(parts), whole)


def test_two_processes_read_different_crops(ramps):
    corpus = ramps(20_000)
    one, two = (Crops(corpus, "train", length=30, batch=8, rank=r, world=2) for r in (0, 1))

    starts = [
        {int(row[0]) for step in range(20) for row in numbers(crops.batch(step))}
        for crops in (one, two)
    ]

    # Of 20,000 places two sets of 160 share one or two by chance.
    assert len(starts[0] & starts[1]) < 10


@drawn_often
@given(length=st.integers(1, 100), context=st.integers(0, 40), step=st.integers(0, 1000))
def test_frames_lie_beside_the_samples_they_belong_to(corpus, length, context, step):
    crops = Crops(corpus, "train", length=length, context=context, batch=4, names=("roll",))

    batch = crops.batch(step)

    track = batch["condition"]["roll"]
    beside = numbers(batch)[:, ::HOP]
    told = (track.values[:, 0] * HOP + track.values[:, 1]).long()
    assert track.rate == 16000 / HOP
    assert torch.equal(told, beside)


def test_a_model_without_conditions_is_told_none(corpus):
    batch = Crops(corpus, "train", length=30, context=5, batch=2).batch(0)

    assert batch.keys() == {"audio", "context"}
    assert batch["audio"].shape == (2, 1, 35)
    assert batch["audio"].dtype == torch.float32
    assert batch["context"] == 5


def test_classes_are_those_of_the_recordings(tmp_path, write):
    for number in range(8):
        write(tmp_path / "in" / "ab"[number % 2] / f"{number}.wav", hertz=200 + 50 * number)
    corpus = prepare(FolderSource(tmp_path / "in", labels="folders"), workers=1)
    crops = Crops(corpus, "train", length=16_000, batch=6, names=("label",))

    batch = crops.batch(0)

    for audio, label in zip(batch["audio"], batch["condition"]["label"].values, strict=True):
        matches = [one for one in corpus.recordings() if torch.equal(corpus.audio(one), audio)]
        assert [one.label for one in matches] == [label]


def test_classes_beside_the_label_are_told_too(tmp_path, memory):
    source = memory({f"{n}": np.sin(np.arange(8000) * (n + 1) / 99) for n in range(8)})
    source.class_names = ("pitch",)
    plain = source.open
    source.open = lambda item: plain(item)._replace(facts={"pitch": 60 + int(item.id) % 3})
    corpus = prepare(source, tmp_path / "corpus", normalise="none", minimum_s=0, workers=1)

    batch = Crops(corpus, "train", length=8000, batch=6, names=("pitch",)).batch(0)

    for audio, told in zip(batch["audio"], batch["condition"]["pitch"].values, strict=True):
        (one,) = [one for one in corpus.recordings() if torch.equal(corpus.audio(one), audio)]
        assert told == int(one.id) % 3


def test_an_empty_split_is_refused(ramps):
    with pytest.raises(DataError, match="^the corpus 'ramps' has no recording in its test split$"):
        Crops(ramps(50), "test", length=10, batch=1)


def test_a_misspelt_track_is_refused_at_once(corpus):
    with pytest.raises(DataError, match="has no track 'rol': did you mean 'roll'"):
        Crops(corpus, "train", length=10, batch=1, names=("rol",))


def test_a_batch_takes_less_than_two_milliseconds(ramps):
    crops = Crops(ramps(*[1000] * 25), "train", length=6000, context=3000, batch=8)
    crops.batch(0)

    began = time.process_time()
    for step in range(50):
        crops.batch(step)

    assert (time.process_time() - began) / 50 < 0.002


def test_padding_behind_a_short_recording_is_told(tmp_path):
    (tmp_path / "hits").mkdir()
    for number, length in enumerate((4000, 4500, 9000)):
        tone = 0.5 * np.sin(np.arange(length) / 9)
        soundfile.write(tmp_path / "hits" / f"{number}.wav", tone, 8000)
    source = FolderSource(tmp_path / "hits")
    corpus = prepare(source, tmp_path / "corpus", rate=8000, minimum_s=0.1, workers=1)
    crops = Crops(corpus, "train", length=20_000, context=100, batch=8)

    batch = crops.batch(0)

    for audio, real in zip(batch["audio"], batch["length"].tolist(), strict=True):
        assert real in {4000, 4500, 9000}
        assert (audio[0, 100 + real :] == 0).all()
        assert audio[0, 100 : 100 + real].abs().max() > 0.9
    assert "length" not in Crops(corpus, "train", length=100, context=10, batch=2).batch(0)


@drawn_often
@given(
    length=st.integers(1, 60),
    context=st.integers(0, 40),
    parts=st.integers(2, 6),
    seed=st.integers(0, 2**63),
    stretch=st.integers(0, 10**9),
)
def test_parts_of_a_stretch_lie_side_by_side_row_by_row(
    corpus, length, context, parts, seed, stretch
):
    settings = {"context": context, "batch": 3, "seed": seed}
    crops = Crops(corpus, "train", length=length, parts=parts, **settings)
    whole = Crops(corpus, "train", length=length * parts, **settings).batch(stretch)

    batches = [crops.batch(stretch * parts + part) for part in range(parts)]

    assert torch.equal(torch.cat([one["audio"] for one in batches], 2), whole["audio"])
    assert [one["context"] for one in batches] == [context, *[0] * (parts - 1)]
    assert [one["part"] for one in batches] == list(range(parts))
    if "length" in whole:
        assert torch.equal(sum(one["length"] for one in batches), whole["length"])
    for one, other in itertools.pairwise(batches):
        assert other["places"] == tuple(place + length for place in one["places"])


def test_places_tell_recordings_apart(corpus):
    crops = Crops(corpus, "train", length=10, parts=2, batch=200)
    first, other = (crops.batch(number) for number in (0, 2))

    begins = {}
    for batch in (first, other):
        for place, row in zip(batch["places"], numbers(batch), strict=True):
            assert begins.setdefault(place, int(row[0])) == int(row[0])
    assert len(set(begins.values())) == len(begins)


def test_frames_cannot_be_told_in_parts(corpus):
    with pytest.raises(ConfigError, match="^roll cannot be told in parts: --set data.parts=1$"):
        Crops(corpus, "train", length=16, batch=1, names=("roll",), parts=2)
