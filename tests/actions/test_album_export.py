"""An album put together: joins without clicks, a right cue sheet, names that files can have."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from typica.actions.album.export import Track, cue_sheet, fades, file_name, joined, whole_file
from typica.evaluation.curation import Clip, Curation
from typica.evaluation.free_running import Stream

RATE = 1000
LENGTHS = st.lists(st.integers(1, 4000), min_size=1, max_size=6)
JOINS = st.sampled_from(["crossfade", "gap"])


def sounds_of(lengths):
    rng = np.random.default_rng(0)
    return [rng.uniform(-0.7, 0.7, length).astype(np.float32) for length in lengths]


def whole(sounds, overlaps):
    return np.concatenate(list(joined(iter(sounds), overlaps)))


@given(LENGTHS, JOINS, st.floats(0, 3))
def test_an_album_is_as_long_as_its_tracks_less_what_overlaps(lengths, join, seconds):
    overlaps = fades(lengths, RATE, Curation(join=join, seconds=seconds))

    assert len(whole(sounds_of(lengths), overlaps)) == sum(lengths) - sum(overlaps)


@given(LENGTHS, JOINS, st.floats(0, 3))
def test_outside_of_its_fades_a_track_is_as_it_was_drawn(lengths, join, seconds):
    sounds = sounds_of(lengths)
    overlaps = fades(lengths, RATE, Curation(join=join, seconds=seconds))
    album = whole(sounds, overlaps)

    start = 0
    for sound, (overlap, after) in zip(sounds, itertools.pairwise([*overlaps, 0]), strict=True):
        start -= overlap
        first, last = max(overlap, 0), len(sound) - max(after, 0)
        assert first <= last
        assert np.array_equal(album[start + first : start + last], sound[first:last])
        start += len(sound)


def test_a_crossfade_keeps_the_power_of_sounds_that_know_nothing_of_each_other():
    one, other = sounds_of([4000, 4000])

    album = whole([one, other], [0, 3000])

    power = np.square(album).reshape(5, -1).mean(1)
    assert power == pytest.approx(np.full(5, np.square(one).mean()), rel=0.1)
    jumps = abs(np.diff(album)).max()
    assert jumps <= abs(np.diff(one)).max() + abs(np.diff(other)).max()


def test_the_end_of_the_one_fades_into_the_beginning_of_the_other():
    one, other = sounds_of([400, 500])

    album = whole([one, other], [0, 100])

    angle = np.pi / 2 * (np.arange(100) + 0.5) / 100
    faded = np.cos(angle) * one[-100:] + np.sin(angle) * other[:100]
    assert album[300:400] == pytest.approx(np.clip(faded, -1, 1), abs=1e-6)


def test_a_gap_is_silent_and_as_long_as_was_asked():
    one, other = sounds_of([100, 100])

    album = whole([one, other], fades([100, 100], RATE, Curation(join="gap", seconds=0.5)))

    assert np.array_equal(album, np.concatenate([one, np.zeros(500, np.float32), other]))


def track(number, title, start):
    stream = Stream({}, 0, -20.0, 1.0, None, 1.0)
    clip = Clip(f"clip-{number}", 40 + number, 8000, 8000, stream, [], [])
    return Track(number, title, f"{number}.wav", clip, start)


def test_a_cue_sheet_counts_in_frames_of_which_75_are_a_second():
    tracks = [track(1, 'Say "no"\nmore', 0), track(2, "Two", round(8000 * (61 + 1 / 3)))]

    assert cue_sheet("All", "All.wav", tracks).splitlines() == [
        'TITLE "All"',
        'FILE "All.wav" WAVE',
        "  TRACK 01 AUDIO",
        "    TITLE \"Say 'no' more\"",
        "    REM SEED 41",
        "    INDEX 01 00:00:00",
        "  TRACK 02 AUDIO",
        '    TITLE "Two"',
        "    REM SEED 42",
        "    INDEX 01 01:01:25",
    ]


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("../../etc/passwd", "etcpasswd"),
        ("  Ein  schöner\tTag. ", "Ein schöner Tag"),
        ("a/b\\c:d*e?", "abcde"),
        ("...", "untitled"),
        ("x" * 300, "x" * 80),
        ("\U00020000" * 80, "\U00020000" * 50),  # four bytes each
        ("x" * 79 + ". and more", "x" * 79),
    ],
)
def test_a_title_becomes_a_name_that_a_file_can_have(title, name):
    assert file_name(title) == name


def test_the_whole_album_is_not_called_like_one_of_its_tracks():
    assert whole_file("Dusk", ["01 Dusk.wav"]) == "Dusk.wav"
    assert whole_file("01 dusk", ["01 Dusk.wav"]) == "01 dusk (album).wav"
