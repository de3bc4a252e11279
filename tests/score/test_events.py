from collections import defaultdict, deque

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from typica.core.errors import ConfigError, DataError
from typica.score.events import (
    PERFORMANCE_356,
    PERFORMANCE_388,
    PERFORMANCE_413,
    PIANO_308,
    EventCodec,
)
from typica.score.notes import Note, Notes

CODECS = [PERFORMANCE_388, PERFORMANCE_413, PERFORMANCE_356, PIANO_308, EventCodec(reserved=2)]
pieces = st.lists(
    st.builds(
        lambda pitch, onset, length, velocity: Note(pitch, onset, onset + length, velocity),
        st.integers(21, 108) | st.just(60),
        st.floats(0, 3) | st.integers(0, 9).map(float),
        st.floats(1e-4, 4) | st.just(1.0),
        st.integers(1, 127),
    ),
    max_size=20,
)


def names(codec, notes):
    return [codec.names[number] for number in codec.encode(Notes.of(notes))]


def apart(rows):
    """Keep notes of a pitch that do not overlap, to two hundredths of a second."""
    free = defaultdict(float)
    kept = []
    for row in sorted(rows, key=lambda row: row.onset_s):
        if row.onset_s >= free[row.pitch]:
            kept.append(row)
            free[row.pitch] = row.offset_s + 0.02
    return kept


def test_vocabularies_have_their_sizes_and_blocks():
    assert [len(codec) for codec in CODECS] == [388, 413, 356, 308, 390]
    for codec in CODECS:
        kinds = [name.split()[0] for name in codec.names[codec.reserved :]]
        assert kinds == sorted(kinds, key=["NOTE_ON", "NOTE_OFF", "TIME_SHIFT", "VELOCITY"].index)
        assert codec.numbers(codec.names).tolist() == list(range(len(codec)))
    assert PERFORMANCE_388.numbers(["NOTE_OFF 0", "TIME_SHIFT 1", "VELOCITY 1"]).tolist() == [
        128, 256, 356,
    ]  # fmt: skip


def test_events_stand_in_their_order():
    notes = [Note(60, 0, 1, 4), Note(64, 0, 1, 4), Note(60, 1, 3.01, 5), Note(50, 1, 1.004, 1)]

    assert names(PERFORMANCE_388, notes) == [
        "VELOCITY 1", "NOTE_ON 60", "NOTE_ON 64", "TIME_SHIFT 100", "NOTE_OFF 60", "NOTE_OFF 64",
        "NOTE_ON 50", "VELOCITY 2", "NOTE_ON 60", "TIME_SHIFT 1", "NOTE_OFF 50", "TIME_SHIFT 100",
        "TIME_SHIFT 100", "NOTE_OFF 60",
    ]  # fmt: skip


@pytest.mark.parametrize(("gap_s", "shifts"), [(1, [100]), (2, [100, 100]), (2.01, [100, 100, 1])])
def test_gaps_of_whole_shifts_have_no_rest(gap_s, shifts):
    found = names(PERFORMANCE_388, [Note(60, 0, gap_s, 1)])

    assert [int(name.split()[1]) for name in found if "SHIFT" in name] == shifts


@given(pieces, st.sampled_from(CODECS))
def test_what_is_decoded_encodes_to_the_same_events(rows, codec):
    events = codec.encode(Notes.of(rows))

    assert np.array_equal(codec.encode(codec.decode(events)), events)


@given(pieces, st.sampled_from(CODECS))
def test_notes_come_back_to_within_the_clock_and_the_bin(rows, codec):
    rows, step = apart(rows), 1 / codec.steps_per_s

    back = codec.decode(codec.encode(Notes.of(rows)))

    expected = sorted(rows, key=lambda row: (row.pitch, row.onset_s))
    found = sorted(back.rows(), key=lambda row: (row.pitch, row.onset_s))
    assert [row.pitch for row in found] == [row.pitch for row in expected]
    for old, new in zip(expected, found, strict=True):
        assert abs(new.onset_s - old.onset_s) <= step / 2 + 1e-6
        assert abs(new.offset_s - old.offset_s) <= 1.5 * step + 1e-6
        if old.offset_s - old.onset_s > step:
            assert abs(new.offset_s - old.offset_s) <= step / 2 + 1e-6
        if codec.velocities:
            assert 0 <= old.velocity - new.velocity <= 3


@given(pieces, st.sampled_from(CODECS))
def test_shifts_add_up_to_the_last_event(rows, codec):
    notes = Notes.of(rows)
    start, stop = codec.steps(notes.onset_s), codec.steps(notes.offset_s)

    last = int(np.maximum(stop, start + 1).max(initial=0))
    assert codec.duration_s(codec.encode(notes)) == last / codec.steps_per_s


def decode_one_by_one(codec, events):
    """Walk through events with a queue for each pitch."""
    step, velocity, queues, notes = 0, 80, defaultdict(deque), []
    for event in events:
        kind, value = codec.names[event].split()
        if kind == "TIME_SHIFT":
            step += int(value)
        elif kind == "VELOCITY":
            velocity = 1 + 4 * (int(value) - 1)
        elif kind == "NOTE_ON":
            queues[int(value)].append((step, velocity))
        elif kind == "NOTE_OFF" and queues[int(value)]:
            start, loud = queues[int(value)].popleft()
            notes.append((start, step, int(value), loud))
    for pitch, queue in queues.items():
        longest = 5 * codec.steps_per_s
        notes += [(start, min(step, start + longest), pitch, loud) for start, loud in queue]
    return sorted(note for note in notes if note[1] > note[0])


@given(st.lists(st.integers(0, 387) | st.sampled_from([60, 188, 356, 355, 61, 189]), max_size=60))
def test_any_events_decode_as_one_by_one(events):
    notes = PERFORMANCE_388.decode(np.array(events, dtype=int))

    found = sorted(
        (round(row.onset_s * 100), round(row.offset_s * 100), row.pitch, row.velocity)
        for row in notes.rows()
    )
    assert found == decode_one_by_one(PERFORMANCE_388, events)


def test_a_strike_without_release_sounds_as_long_as_is_allowed():
    waits = ["TIME_SHIFT 100"] * 8
    held = PERFORMANCE_388.numbers(["NOTE_ON 60", *waits])
    released = PERFORMANCE_388.numbers(["NOTE_ON 60", *waits, "NOTE_OFF 60"])

    assert PERFORMANCE_388.decode(held).offset_s.tolist() == [5.0]
    assert PERFORMANCE_388.decode(held, longest_s=0.29).offset_s.tolist() == [0.29]
    assert PERFORMANCE_388.decode(held, longest_s=60).offset_s.tolist() == [8.0]
    assert PERFORMANCE_388.decode(released).offset_s.tolist() == [8.0]


@given(pieces, st.sampled_from([0.95, 0.975, 1.025, 1.05]))
def test_stretched_notes_are_told_at_stretched_steps(rows, stretch):
    codec, rows = PERFORMANCE_388, apart(rows)
    slower = [
        row._replace(onset_s=row.onset_s * stretch, offset_s=row.offset_s * stretch) for row in rows
    ]

    before, after = (codec.decode(codec.encode(Notes.of(some))) for some in (rows, slower))

    pairs = [
        sorted(zip(notes.pitch, notes.onset_s, strict=True)) for notes in (before, after)
    ]  # fmt: skip
    for (pitch, old), (same, new) in zip(*pairs, strict=True):
        assert pitch == same
        # Each is off by half a step at most.
        assert abs(new - stretch * old) * codec.steps_per_s <= 0.5 + 0.5 * stretch + 1e-6


@given(pieces, st.integers(-21, 19))
def test_transposing_commutes_with_encoding(rows, semitones):
    codec = PERFORMANCE_388
    moved = [row._replace(pitch=row.pitch + semitones) for row in rows]

    assert np.array_equal(
        codec.encode(Notes.of(moved)), codec.transposed(codec.encode(Notes.of(rows)), semitones)
    )


def test_what_cannot_be_told_is_refused():
    with pytest.raises(DataError, match="from 21 to 108 alone"):
        PIANO_308.encode(Notes.of([Note(20, 0, 1)]))
    with pytest.raises(DataError, match="move a pitch out of the range"):
        PERFORMANCE_388.transposed([127], 1)
    with pytest.raises(DataError, match=r"numbers in \[0, 388\)"):
        PERFORMANCE_388.decode([388])
    with pytest.raises(DataError, match="whole numbers in a row"):
        PERFORMANCE_388.decode([0.5])
    with pytest.raises(DataError, match="did you mean 'NOTE_ON 60'"):
        PERFORMANCE_388.numbers(["NOTE_ONN 60"])
    with pytest.raises(ConfigError, match="at least 1"):
        EventCodec(longest=0)
