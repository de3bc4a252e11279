import io
import struct
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from typica.core.errors import ConfigError, DataError
from typica.score.midi import decode_midi, encode_midi
from typica.score.notes import Note, Notes

TICK_S = 0.5 / 960

notes_of_some_piece = st.lists(
    st.builds(
        lambda pitch, onset, length, velocity, channel, program: Note(
            pitch, onset, onset + length, velocity, channel, program
        ),
        st.integers(0, 127),
        st.floats(0, 5),
        st.floats(1e-3, 2),
        st.integers(1, 127),
        st.integers(0, 15),
        st.integers(0, 127),
    ),
    max_size=30,
)


def apart(rows):
    """Keep only notes that leave a tenth of a second to those of their key."""
    free_from = defaultdict(float)
    kept = []
    for row in sorted(rows, key=lambda row: row.onset_s):
        if row.onset_s >= free_from[row.channel, row.pitch]:
            kept.append(row)
            free_from[row.channel, row.pitch] = row.offset_s + 0.1
    return Notes.of(kept).in_order()


def by_key(notes):
    return sorted(notes.rows(), key=lambda row: (row.channel, row.pitch, row.onset_s))


@given(notes_of_some_piece)
def test_what_is_read_is_what_was_written_to_within_a_tick(rows):
    notes = apart(rows)

    read = by_key(decode_midi(encode_midi(notes)))

    assert len(read) == len(notes)
    for old, new in zip(by_key(notes), read, strict=True):
        assert new._replace(onset_s=0, offset_s=0) == old._replace(onset_s=0, offset_s=0)
        assert abs(new.onset_s - old.onset_s) <= TICK_S / 2 + 1e-9
        assert abs(new.offset_s - old.offset_s) <= TICK_S / 2 + 1e-9


@given(notes_of_some_piece)
def test_writing_what_was_read_gives_the_same_bytes(rows):
    once = encode_midi(Notes.of(rows))

    assert encode_midi(decode_midi(once)) == once


@given(notes_of_some_piece, st.randoms())
def test_bytes_do_not_depend_on_the_order_of_the_notes(rows, random):
    shuffled = list(rows)
    random.shuffle(shuffled)

    assert encode_midi(Notes.of(shuffled)) == encode_midi(Notes.of(rows))


def test_another_reader_finds_the_same_notes():
    pretty_midi = pytest.importorskip("pretty_midi")
    rows = [Note(60, 0.5, 1.0, 90, 0, 4), Note(64, 0.5, 1.5, 80, 1, 19), Note(60, 1.0, 2.0, 70)]

    file = pretty_midi.PrettyMIDI(io.BytesIO(encode_midi(Notes.of(rows))))

    found = [
        Note(note.pitch, note.start, note.end, note.velocity, program=instrument.program)
        for instrument in file.instruments
        for note in instrument.notes
    ]
    assert sorted(found) == sorted(row._replace(channel=0) for row in rows)


def test_a_note_struck_while_it_sounds_ends_the_first():
    notes = Notes.of([Note(60, 0.0, 2.0), Note(60, 1.0, 1.5), Note(60, 1.5, 3.0)])

    read = decode_midi(encode_midi(notes))

    assert read.onset_s.tolist() == [0.0, 1.0, 1.5]
    assert read.offset_s.tolist() == [1.0, 1.5, 3.0]


def test_times_of_a_score_in_its_own_tempo_are_exact():
    triplets = np.arange(100) * 0.25
    notes = Notes.of([Note(60, start, start + 0.25) for start in triplets])

    read = decode_midi(encode_midi(notes, quarters_per_minute=80, ticks_per_quarter=480))

    assert read.onset_s.tolist() == triplets.tolist()


def track(*messages):
    body = b"".join(messages) + b"\x00\xff\x2f\x00"
    return b"MTrk" + struct.pack(">I", len(body)) + body


def midi(*tracks, kind=1, division=100):
    return b"MThd" + struct.pack(">IHHH", 6, kind, len(tracks), division) + b"".join(tracks)


def test_tempo_of_one_track_holds_for_all_and_may_change():
    tempi = track(b"\x64\xff\x51\x03\x0f\x42\x40", b"\x64\xff\x51\x03\x03\xd0\x90")
    played = track(b"\x00\x90\x3c\x50", b"\x81\x7a\x80\x3c\x00")  # 250 ticks long

    notes = decode_midi(midi(tempi, played))

    # 100 ticks a quarter: at 0.5 s, at 1 s, then half a quarter at 0.25 s.
    assert notes.offset_s.tolist() == [0.5 + 1.0 + 0.125]


def test_running_status_and_velocity_0_are_understood():
    a_while_later = b"\x64\xff\x01\x00"
    played = track(b"\x00\x90\x3c\x50", b"\x64\x3c\x00", a_while_later)

    assert decode_midi(midi(played)).rows() == [Note(60, 0.0, 0.5, 80)]


def test_a_note_struck_twice_is_two_and_one_never_released_ends_with_the_piece():
    played = track(b"\x00\x90\x3c\x50", b"\x64\x3c\x40", b"\x64\x90\x40\x00")

    notes = decode_midi(midi(played))

    assert notes.rows() == [Note(60, 0.0, 0.5, 80), Note(60, 0.5, 1.0, 64)]


def test_program_holds_from_its_change_on():
    played = track(
        b"\x00\x90\x3c\x50", b"\x00\xc0\x13", b"\x64\x80\x3c\x00", b"\x00\x90\x40\x50",
        b"\x64\x80\x40\x00",
    )  # fmt: skip

    assert decode_midi(midi(played)).program.tolist() == [0, 19]


WHOLE = midi(track(b"\x00\x90\x3c\x50", b"\x64\x3c\x00"))


@pytest.mark.parametrize(
    "data", [b"", b"RIFF", WHOLE[:20], WHOLE.replace(b"MTrk", b"MTrx"), WHOLE[:26]]
)
def test_damaged_files_are_refused(data):
    with pytest.raises(DataError, match="^not a MIDI file that can be read"):
        decode_midi(data)


@pytest.mark.parametrize("kind_and_division", [{"kind": 2}, {"division": 0xE728}, {"division": 0}])
def test_kinds_that_hold_no_score_are_refused(kind_and_division):
    with pytest.raises(DataError, match="format 2 or with time in frames"):
        decode_midi(midi(track(), **kind_and_division))


@given(st.data())
def test_no_damage_is_worse_than_a_refusal(data):
    position = data.draw(st.integers(0, len(WHOLE) - 1))
    damaged = bytearray(WHOLE)
    damaged[position] = data.draw(st.integers(0, 255))

    try:
        notes = decode_midi(bytes(damaged))
    except DataError:
        return
    assert len(notes) <= 2


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ({"quarters_per_minute": 0}, "quarters_per_minute must be from 3.6 on, got 0"),
        ({"quarters_per_minute": 3.5}, "from 3.6 on"),
        ({"quarters_per_minute": float("nan")}, "from 3.6 on"),
        ({"ticks_per_quarter": 0}, "from 1 to 32767, got 0"),
        ({"ticks_per_quarter": 32_768}, "from 1 to 32767"),
        ({"controls": {128: 0}}, r"must be in \[0, 127\]"),
        ({"controls": {7: 128}}, r"must be in \[0, 127\]"),
        ({"rest_s": -1.0}, "rest_s must be at least 0"),
    ],
    ids=str,
)
def test_what_a_file_cannot_tell_is_refused(setting, sentence):
    with pytest.raises(ConfigError, match=sentence):
        encode_midi(Notes.of([Note(60, 0, 1)]), **setting)


def test_the_longest_pause_is_told_and_a_longer_one_refused():
    longest_s = (2**28 - 1) / 1920

    far = decode_midi(encode_midi(Notes.of([Note(60, longest_s, longest_s + 1)])))

    assert far.onset_s.tolist() == [longest_s]
    with pytest.raises(DataError, match="longer than a MIDI file can tell"):
        encode_midi(Notes.of([Note(60, 2**28 / 1920, 2**28 / 1920 + 1)]))
