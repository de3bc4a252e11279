import numpy as np
import pytest
import torch

from typica.core.errors import ConfigError
from typica.data import corpora
from typica.data.corpora.ensembles import ENSEMBLES, Ensembles
from typica.data.corpora.folk_tunes import INSTRUMENTS as FOLK
from typica.data.corpora.single_notes import SingleNotes
from typica.data.prepare import prepare
from typica.score.instruments import PROGRAMS
from typica.score.notes import Note, Notes
from typica.score.synthesis import RATE, render
from typica.signal.pitch_network import track_pitch

QUARTETS = {program for ensemble in ENSEMBLES.values() for program in ensemble}

for package in ("music21", "pretty_midi", "midirenderer"):
    pytest.importorskip(package)


def opened(source, name):
    item = next(item for item in source.items() if item.id == name)
    sound = source.open(item)
    return sound, np.concatenate(list(sound.blocks))


@pytest.mark.parametrize("instrument", ["piano", "organ", "flute", "strings"])
@pytest.mark.parametrize("pitch", [55, 69])
def test_a_single_note_has_the_pitch_of_its_label(instrument, pitch):
    sound, audio = opened(SingleNotes(), f"{instrument}-{pitch:03d}-100")

    assert audio.shape == (4 * sound.rate, 2)
    mono = audio[: sound.rate].mean(axis=1)
    power = np.abs(np.fft.rfft(mono * np.hanning(len(mono)), 4 * len(mono))) ** 2
    hertz = 440 * 2 ** ((np.arange(40, 90) - 69) / 12)
    # A note's partials: what lies at a pitch, and at twice and three times of it.
    strength = [sum(_at(power, h * k, sound.rate) for k in (1, 2, 3)) for h in hertz]
    octaves = [12, 19, 24]
    best = 40 + int(np.argmax(strength))
    assert best in (pitch, *(pitch + step for step in octaves), *(pitch - step for step in octaves))
    assert strength[pitch - 40] > 20 * np.median(strength)
    assert sound.label == instrument
    assert sound.facts == {"instrument": instrument, "pitch": pitch, "velocity": 100}


def _at(power, hertz, rate):
    middle = hertz * (2 * len(power) - 2) / rate
    return power[int(middle * 0.985) : int(middle * 1.015) + 1].sum()


@pytest.mark.parametrize("program", sorted({*PROGRAMS.values(), *FOLK.values(), *QUARTETS}))
def test_every_instrument_of_the_corpora_is_in_tune(program):
    for pitch in (60, 72):
        mono = render(Notes.of([Note(pitch, 0.0, 1.0, 100, program=program)])).mean(axis=1)
        sounding = mono[RATE // 10 : RATE]
        power = np.abs(np.fft.rfft(sounding * np.hanning(len(sounding)), 4 * len(sounding))) ** 2
        near = range(pitch - 11, pitch + 12)
        hertz = [440 * 2 ** ((one - 69) / 12) for one in near]
        strength = [sum(_at(power, h * k, RATE) for k in (1, 2, 3, 4)) for h in hertz]

        assert near[int(np.argmax(strength))] == pitch


@pytest.mark.slow
def test_a_pitch_tracker_hears_the_pitches_of_the_labels():
    pytest.importorskip("swift_f0")
    names = [name for name in PROGRAMS if name != "organ"]  # whose ranks sound octaves apart
    source = SingleNotes(names, range(36, 85, 3), [100])
    heard = {}
    for item in source.items():
        sound = source.open(item)
        mono = np.concatenate(list(sound.blocks)).mean(axis=1)
        tracked = track_pitch(torch.from_numpy(mono / np.abs(mono).max()), rate=sound.rate)
        held = slice(20, 155)  # 0.3 to 2.5 s
        certain = tracked.confidence[held] > 0.5
        pitch = 69 + 12 * torch.log2(tracked.frequency[held][certain] / 440)
        heard[item.id] = float(pitch.median()) - sound.facts["pitch"]

    wrong = {name: error for name, error in heard.items() if not abs(error) < 0.5}
    assert len(heard) == 170
    assert len(wrong) <= 5
    assert all(abs((error + 6) % 12 - 6) < 0.5 for error in wrong.values()), wrong


def test_a_note_and_its_other_loudness_are_never_in_two_splits():
    source = SingleNotes(["flute"], [60, 61], [50, 100])

    groups = [source.open(item).group for item in source.items()]

    assert groups[0] == groups[1] != groups[2] == groups[3]
    assert None not in groups


def test_all_single_notes_are_listed_once():
    items = SingleNotes().items()

    assert len({item.id for item in items}) == len(items) == 11 * 49 * 2


def test_single_notes_become_a_corpus_with_classes(tmp_path):
    source = SingleNotes(["piano", "flute"], [60, 62], [64])

    corpus = prepare(source, tmp_path / "x", workers=1)

    assert {one.length for one in corpus.recordings()} == {64_000}
    assert corpus.labels == ["flute", "piano"]
    assert corpus.classes["pitch"] == [60, 62]
    (note,) = corpus.notes(corpus.recordings()[0]).rows()
    assert (note.pitch, note.velocity, note.program, note.offset_s) == (60, 64, 73, 3.0)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"instruments": ["fluete"]}, "did you mean 'flute'"),
        ({"instruments": []}, "must name at least one each"),
        ({"pitches": [200]}, r"pitches must be in \[0, 127\]"),
        ({"velocities": [0]}, r"velocities must be in \[1, 127\]"),
    ],
)
def test_settings_out_of_range_are_refused(wrong, sentence):
    with pytest.raises(ConfigError, match=sentence):
        SingleNotes(**wrong)


def test_other_instruments_make_other_recordings(monkeypatch):
    before = Ensembles(count=5).items()
    monkeypatch.setitem(ENSEMBLES, "strings", (40, 40, 41, 43))
    after = Ensembles(count=5).items()

    changed = [a.id for a, b in zip(before, after, strict=True) if a.stamp != b.stamp]
    assert changed == ["bwv253"]


def test_each_voice_of_an_ensemble_has_its_instrument():
    sound, _ = opened(Ensembles(count=34), "bwv286")

    programs = ENSEMBLES[sound.label]
    assert sound.label == tuple(ENSEMBLES)[33 % 5]
    assert set(sound.notes.channel.tolist()) == {0, 1, 2, 3}
    for note in sound.notes.rows():
        assert note.program == programs[note.channel]


def test_every_corpus_tells_its_licence_how_it_is_made_and_what_it_needs():
    for name in corpora.names():
        source = corpora.find(name)()
        assert source.name == name
        assert source.licence
        assert source.made
        assert source.needs
        assert "\n" not in source.licence + source.made + source.needs
