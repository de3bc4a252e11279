import pickle
import sys

import numpy as np
import pytest

from typica.core.errors import ConfigError, MissingFeatureError
from typica.data import corpora
from typica.data.corpora import chorales
from typica.data.corpora.chorales import Chorales
from typica.data.corpus import data_home
from typica.data.prepare import prepare
from typica.score.chorales import chorale_files, read_chorale
from typica.score.synthesis import render

for package in ("music21", "pretty_midi", "midirenderer"):
    pytest.importorskip(package)

SHORTEST = "bwv286"  # 18 s


def item_named(source, name):
    return next(item for item in source.items() if item.id == name)


def opened(source, name=SHORTEST):
    sound = source.open(item_named(source, name))
    return sound, np.concatenate(list(sound.blocks))


def test_the_corpus_is_found_by_its_name():
    assert corpora.find("chorales") is Chorales


def test_the_default_is_half_an_hour_of_the_collected_chorales():
    items = Chorales().items()

    assert [item.id for item in items] == [f"bwv{number}" for number in range(253, 301)]
    assert len({item.stamp for item in items}) == 48
    assert items == Chorales().items()


def test_a_stamp_changes_with_what_changes_the_sound_alone(monkeypatch):
    stamp = Chorales().items()[0].stamp

    assert Chorales(count=1).items()[0].stamp == stamp
    assert Chorales(quarters_per_minute=90).items()[0].stamp != stamp
    assert Chorales(instruments=["organ"]).items()[0].stamp != stamp
    monkeypatch.setattr(chorales, "version", lambda package: "another")
    assert Chorales().items()[0].stamp != stamp


def test_rolls_are_those_of_the_score_and_as_long_as_the_sound():
    sound, audio = opened(Chorales())

    roll, onsets = sound.tracks["roll"], sound.tracks["onsets"]
    assert audio.shape == (len(roll) * 384, 2)
    assert roll.shape == onsets.shape == (len(roll), 128)
    notes = read_chorale(chorale_files()[SHORTEST])
    played = render(notes)
    assert np.array_equal(audio[: len(played)], played)
    for row in notes.rows():
        middle = (row.onset_s + row.offset_s) / 2
        assert roll[int(middle * 125), row.pitch]
        assert onsets[int(row.onset_s * 125), row.pitch]
    assert onsets.sum() == len({(row.pitch, row.onset_s) for row in notes.rows()})
    assert not roll[int(notes.duration_s * 125) + 1 :].any()


def test_semitones_sound_where_the_roll_is_marked():
    sound, audio = opened(Chorales())

    mono, roll = audio.mean(axis=1), sound.tracks["roll"]
    pitches = np.arange(45, 80)
    waves = 2 ** ((pitches[:, None] - 69) / 12) * 440 * np.arange(31 * 384) / 48000
    waves = np.exp(-2j * np.pi * waves) * np.hanning(waves.shape[1])
    on, off = [], []
    for begin in range(0, len(roll) - 31, 31):
        marked = roll[begin : begin + 31, pitches]
        levels = np.abs(waves @ mono[begin * 384 : (begin + 31) * 384])
        on.extend(levels[marked.all(axis=0)])
        off.extend(levels[~marked.any(axis=0)])
    assert len(on) > 100
    assert np.median(on) > 20 * np.median(off)


def test_levels_are_sound():
    sound, audio = opened(Chorales())

    assert sound.rate == 48_000
    assert audio.dtype == np.float32
    assert 0.1 < np.abs(audio).max() < 0.9
    tenths = np.abs(audio[: len(audio) // 4800 * 4800]).reshape(-1, 2 * 4800).max(axis=1)
    assert tenths.min() > 1e-4


def test_opened_twice_it_is_the_same(monkeypatch):
    source = Chorales()
    _, first = opened(source)
    monkeypatch.setattr(chorales, "read_chorale", None)  # it is not read again

    sound, second = opened(pickle.loads(pickle.dumps(source)))

    assert np.array_equal(first, second)
    assert sound.label == "piano"


def test_a_damaged_cache_is_made_anew():
    _, first = opened(Chorales())
    (cached,) = data_home().rglob("bwv286-*.mid")
    whole = cached.read_bytes()
    cached.write_bytes(whole[:50])

    _, second = opened(Chorales())

    assert np.array_equal(first, second)
    assert cached.read_bytes() == whole


def test_a_cache_that_cannot_be_written_stops_nothing():
    data_home().parent.mkdir(parents=True, exist_ok=True)
    data_home().write_text("a file where the folder would be")

    _, audio = opened(Chorales())

    assert len(audio) > 0


def test_instruments_take_turns():
    (organ, _), (piano, played) = (
        opened(Chorales(count=34, instruments=["organ", "piano"]), name)
        for name in ("bwv285", "bwv286")
    )

    assert (organ.label, piano.label) == ("organ", "piano")
    assert np.array_equal(played, opened(Chorales())[1])
    assert not np.array_equal(played[:4800], opened(Chorales(instruments=["organ"]))[1][:4800])


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"count": 0}, "count must be from 1 to 186, got 0"),
        ({"count": 187}, "count must be from 1 to 186, got 187"),
        ({"instruments": ["oragn"]}, "no instrument 'oragn': did you mean 'organ'"),
        ({"instruments": []}, "instruments must name at least one"),
        ({"quarters_per_minute": 0}, "quarters_per_minute must be from 10 to 1000, got 0"),
    ],
)
def test_settings_out_of_range_are_refused(wrong, sentence):
    with pytest.raises(ConfigError, match=sentence):
        Chorales(**wrong)


@pytest.mark.parametrize("package", ["music21", "pretty_midi", "midirenderer"])
def test_a_missing_package_is_told_before_any_work(package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)

    with pytest.raises(
        MissingFeatureError, match=rf"needs {package}: pip install 'typica\[scores\]'"
    ):
        Chorales().items()


def test_prepared_its_rolls_lie_on_the_samples():
    corpus = prepare(Chorales(count=1), rate=16000, workers=1)

    (recording,) = corpus.recordings()
    assert corpus.labels == ["piano"]
    assert recording.tracks["roll"][1] * 128 == recording.length
    # BWV 253 begins with a chord that sounds from the first sample on.
    condition = corpus.condition([recording], [0], 128, ["roll", "onsets"])
    struck = condition["onsets"].values[0, :, 0].nonzero()[:, 0].tolist()
    assert struck == condition["roll"].values[0, :, 0].nonzero()[:, 0].tolist()
    assert len(struck) == 4
