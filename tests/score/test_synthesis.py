import sys

import numpy as np
import pytest
import torch

from typica.core.errors import DataError, MissingFeatureError
from typica.score.instruments import program_of
from typica.score.notes import Note, Notes
from typica.score.progressions import random_progression
from typica.score.roll import onset_roll, piano_roll
from typica.score.synthesis import RATE, default_soundfont, render, render_softened
from typica.signal.pitch_network import track_pitch

for package in ("midirenderer", "pretty_midi", "mido"):
    pytest.importorskip(package)

FRAMES = 125.0
HOP = 384


def progression(seed, **settings):
    return random_progression(np.random.default_rng(seed), **settings)


def semitone_levels(audio, pitches):
    """Measure the amplitude of each pitch's fundamental, by correlation under a Hann window."""
    time = np.arange(len(audio)) / RATE
    hertz = 440 * 2 ** ((np.asarray(pitches)[:, None] - 69) / 12)
    waves = np.exp(-2j * np.pi * hertz * time) * np.hanning(len(audio))
    return np.abs(waves @ audio) / len(audio)


def test_equal_notes_give_equal_samples():
    notes = progression(0)

    once, again, other = render(notes), render(notes), render(notes.played_on(52))

    assert np.array_equal(once, again)
    assert once.dtype == np.float32
    assert once.shape[1] == 2
    assert other.shape != once.shape or not np.array_equal(other, once)


def test_what_sounds_is_what_the_notes_say():
    generator = np.random.default_rng(0)
    pitches = generator.integers(45, 85, size=30).tolist()
    audio = render(Notes.of([Note(p, 1.0 * i, 1.0 * i + 0.5) for i, p in enumerate(pitches)]))

    for index, pitch in enumerate(pitches):
        begin = index * RATE
        held = audio[begin : begin + RATE // 2].mean(axis=1)
        levels = semitone_levels(held, range(pitch - 11, pitch + 12))
        # The semitones around it, no octave among them: it is the loudest by far.
        assert np.argmax(levels) == 11
        assert levels[11] > 10 * np.median(levels)


@pytest.mark.parametrize("instrument", ["piano", "harpsichord", "clarinet", "strings", "flute"])
def test_a_network_that_tracks_pitch_hears_each_note_when_it_is_held(instrument):
    pytest.importorskip("swift_f0")
    pitches = [50, 83, 57, 76, 62, 69]
    rows = [Note(pitch, 1.0 * i, 1.0 * i + 0.6) for i, pitch in enumerate(pitches)]
    audio = render(Notes.of(rows).played_on(program_of(instrument))).mean(axis=1)

    heard = track_pitch(torch.from_numpy(audio), rate=RATE)

    semitones = 69 + 12 * (heard.frequency / 440).log2()
    for row in rows:
        held = semitones[round(62.5 * (row.onset_s + 0.1)) : round(62.5 * (row.offset_s - 0.05))]
        assert abs(float(held.median()) - row.pitch) < 0.3, row


def test_a_released_note_is_gone_when_the_next_second_begins():
    audio = render(Notes.of([Note(60, 0.0, 0.5), Note(72, 2.0, 2.5)]))

    sounding, released = (
        np.abs(audio[int(a * RATE) : int(b * RATE)]) for a, b in ((0, 0.5), (1.5, 2))
    )
    assert released.max() < 1e-3 * sounding.max()


def test_semitones_of_a_chorale_sound_where_its_roll_is_marked():
    notes = progression(1, chords=12)
    audio = render(notes).mean(axis=1)
    roll = piano_roll(notes, FRAMES)

    on, off = [], []
    pitches = np.arange(38, 80)
    for frame in range(30, len(roll) - 30, 47):
        window = audio[(frame - 15) * HOP : (frame + 16) * HOP]
        marked = roll[frame - 15 : frame + 16, pitches]
        levels = semitone_levels(window, pitches)
        on.extend(levels[marked.all(axis=0)])
        off.extend(levels[~marked.any(axis=0)])
    assert np.median(on) > 30 * np.median(off)


@pytest.mark.parametrize("program", [0, 11])
def test_sound_begins_in_the_frame_of_its_onset(program):
    generator = np.random.default_rng(0)
    onsets = np.cumsum(generator.uniform(0.6, 0.9, size=25))
    notes = Notes.of([Note(76, onset, onset + 0.1, program=program) for onset in onsets])
    audio = np.abs(render(notes)).max(axis=1)

    late = []
    for onset in onsets:
        at = round(onset * RATE)
        before, after = audio[at - 2 * HOP : at], audio[at : at + 6 * HOP]
        audible = max(0.02 * after.max(), 2 * before.max())
        late.append(np.argmax(after > audible) / RATE)
    assert max(late) < 1 / FRAMES
    # And not before it: the milliseconds up to the onset hold the last note's end alone.
    frames = np.flatnonzero(onset_roll(notes, FRAMES)[:, 76])
    energy = (audio[: len(audio) // HOP * HOP].reshape(-1, HOP) ** 2).mean(axis=1)
    assert np.all(energy[frames + 1] > 100 * energy[frames - 1])


def test_the_end_is_neither_long_nor_a_click():
    notes = progression(2, chords=2).played_on(52)

    audio = render(notes)

    assert notes.duration_s < len(audio) / RATE <= notes.duration_s + 1.01
    assert np.abs(audio[-48:]).max() < 1e-3 * np.abs(audio).max()
    assert np.abs(np.diff(audio[-4800:], axis=0)).max() < 0.02 * np.abs(audio).max()


def test_four_voices_leave_room():
    assert 0.1 < np.abs(render(progression(3))).max() < 0.7


def test_no_notes_give_no_samples():
    assert render(Notes.of([])).shape == (0, 2)


def test_too_many_loud_notes_are_refused_with_the_mend():
    crowd = [
        Note(p, 0.0, 1.0, velocity=127, program=48, channel=c)
        for p in (60, 64, 67, 72)
        for c in range(9)
    ]

    with pytest.raises(DataError, match="too loud: lower their velocities"):
        render(Notes.of(crowd))


def test_too_many_loud_notes_are_all_played_softer_where_that_is_asked_for():
    unison = [Note(60, 0.0, 1.0, velocity=127, program=48, channel=c) for c in range(9)]
    softened = render_softened(Notes.of(unison))

    parts = [render(Notes.of([note])) for note in unison]
    length = min(map(len, (softened.audio, *parts)))
    level, whole = (
        np.square(audio).mean()
        for audio in (softened.audio[:length], sum(part[:length] for part in parts))
    )
    assert 10 * np.log10(whole / level) == pytest.approx(softened.by_db, abs=0.5)


def test_what_samples_can_hold_is_not_softened():
    notes = progression(3)

    softened = render_softened(notes)

    assert softened.by_db == 0
    assert np.array_equal(softened.audio, render(notes))


def test_a_file_that_is_no_sound_bank_is_refused(tmp_path):
    (tmp_path / "bad.sf2").write_bytes(b"RIFF")

    with pytest.raises(DataError, match="refuses the sound bank"):
        render(progression(0), tmp_path / "bad.sf2")
    with pytest.raises(DataError, match="cannot read the sound bank .*missing.sf2: No such file"):
        render(progression(0), tmp_path / "missing.sf2")


@pytest.mark.parametrize("package", ["pretty_midi", "midirenderer"])
def test_without_its_package_the_mend_is_named(package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)

    sentence = rf"^rendering notes needs {package}: pip install 'typica\[scores\]'$"
    with pytest.raises(MissingFeatureError, match=sentence):
        render(progression(0))


def test_the_default_bank_lies_in_a_package():
    assert default_soundfont().stat().st_size > 5_000_000
