"""What is listened to of what was held out: as much as was promised, from everywhere."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from typica.core.errors import DataError
from typica.data.of_run import EXCERPT_S, held_out

RATE = 100


def shelf(lengths, split="valid", **hops):
    """Make something with the lengths of a corpus and no sound."""
    recordings = [
        SimpleNamespace(id=f"r{number}", length=length, split=split)
        for number, length in enumerate(lengths)
    ]
    return SimpleNamespace(
        name="shelf",
        rate=RATE,
        recordings=lambda wanted: [one for one in recordings if one.split == wanted],
        tracks=hops,
        hop=hops.get,
    )


def test_little_is_heard_whole():
    found = held_out(shelf([3000, 20 * RATE, 59 * RATE]), 600)

    assert [(one.start, one.length) for one in found] == [
        (0, 3000),
        (0, 20 * RATE),
        (0, 59 * RATE),
    ]


@pytest.mark.parametrize("hours", [0.5, 1, 5])
def test_one_long_recording_is_heard_in_excerpts_from_all_over_it(hours):
    length = int(hours * 3600 * RATE)

    found = held_out(shelf([length]), 600)

    assert 0.85 * 600 * RATE <= sum(one.length for one in found) <= 600 * RATE
    assert all(one.length == EXCERPT_S * RATE for one in found)
    starts = [one.start / length for one in found]
    gaps = [later - sooner for sooner, later in zip(starts, starts[1:], strict=False)]
    assert starts[0] < 0.2
    assert starts[-1] > 0.75
    assert max(gaps) < 0.3


@given(
    lengths=st.lists(st.integers(1, 40 * 60 * RATE), min_size=1, max_size=60),
    seconds=st.sampled_from([1, 30, 79.5, 600, 3600]),
)
def test_never_is_more_heard_than_promised_and_nothing_twice(lengths, seconds):
    found = held_out(shelf(lengths), seconds)

    heard, total = sum(one.length for one in found), sum(lengths)
    assert 0 < heard <= min(total, max(1, seconds * RATE))
    places = [(int(one.recording.id[1:]), one.start, one.start + one.length) for one in found]
    assert all(0 <= start < stop <= lengths[number] for number, start, stop in places)
    assert all(a[0] < b[0] or a[2] <= b[1] for a, b in zip(places, places[1:], strict=False))


def test_excerpts_come_from_recordings_of_every_part():
    found = held_out(shelf([45 * RATE] * 100), 600)

    numbers = [int(one.recording.id[1:]) for one in found]
    assert len(set(numbers)) == len(numbers) == 13
    assert numbers[0] < 10
    assert numbers[-1] > 90


def test_excerpts_begin_where_frames_of_all_tracks_do():
    found = held_out(shelf([3600 * RATE], mel=7, roll=10), 600)

    assert len(found) > 5
    assert all(one.start % 70 == 0 for one in found)


def test_where_nothing_was_held_out_it_is_refused():
    with pytest.raises(DataError, match="nothing was held out of the corpus shelf"):
        held_out(shelf([RATE], split="train"), 600)
    assert held_out(shelf([RATE], split="test"), 600)
