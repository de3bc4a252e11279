"""Events of MIDI files against mido, which reads them one by one."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from typica.core.errors import DataError
from typica.score.midi import decode_midi, decode_performance
from typica.score.midi_events import read_events

mido = pytest.importorskip("mido")

channels, sevens, delays = (
    st.integers(0, 3),
    st.integers(0, 127),
    st.sampled_from([0, 1, 90, 20000]),
)
messages = st.one_of(
    st.builds(mido.Message, st.just("note_on"), channel=channels, note=st.integers(60, 62),
              velocity=st.sampled_from([0, 1, 127]), time=delays),
    st.builds(mido.Message, st.just("note_off"), channel=channels, note=st.integers(60, 62),
              time=delays),
    st.builds(mido.Message, st.just("program_change"), channel=channels, program=sevens,
              time=delays),
    st.builds(mido.Message, st.just("aftertouch"), channel=channels, value=sevens, time=delays),
    st.builds(mido.Message, st.just("control_change"), channel=channels,
              control=st.sampled_from([7, 64]), value=sevens, time=delays),
    st.builds(mido.Message, st.just("pitchwheel"), channel=channels,
              pitch=st.integers(-8192, 8191), time=delays),
    st.builds(mido.Message, st.just("sysex"), data=st.lists(sevens, max_size=200), time=delays),
    st.builds(mido.MetaMessage, st.just("set_tempo"), tempo=st.integers(1, 2**24 - 1), time=delays),
    st.builds(mido.MetaMessage, st.just("text"), text=st.text("ab", max_size=200), time=delays),
)  # fmt: skip
files = st.lists(st.lists(messages, max_size=20), min_size=1, max_size=3)


def saved(tracks, running):
    file = mido.MidiFile(ticks_per_beat=96)
    file.tracks.extend(mido.MidiTrack(track) for track in tracks)
    data = io.BytesIO()
    file.save(file=data)
    return file, without_repeated_status(data.getvalue()) if running else data.getvalue()


def without_repeated_status(data):
    """Write each track again with a status only where it changes."""
    out, file = data[:14], mido.MidiFile(file=io.BytesIO(data))
    for track in file.tracks:
        body, last = b"", None
        for message in track:
            delay, rest = message.time, bytes(message.bin() if not message.is_meta else b"")
            groups = [delay & 127]
            while delay := delay >> 7:
                groups.insert(0, delay & 127 | 128)
            if message.is_meta:
                rest = bytes(message.bytes())
            elif message.type == "sysex":
                rest, last = b"\xf0" + variable(len(rest) - 1) + rest[1:], None
            elif rest[0] == last:
                rest = rest[1:]
            else:
                last = rest[0]
            last = None if message.is_meta else last
            body += bytes(groups) + rest
        out += b"MTrk" + len(body).to_bytes(4) + body
    return out


def variable(number):
    return bytes([number >> 7 | 128, number & 127]) if number > 127 else bytes([number])


def read_one_by_one(file):
    """Return what notes there are by a plain walk through merged messages."""
    now_s, tempo, held, notes, programs = 0.0, 500_000, {}, [], [0] * 16
    for message in mido.merge_tracks(file.tracks):
        now_s += message.time * tempo / 1e6 / file.ticks_per_beat
        if message.type == "set_tempo":
            tempo = message.tempo
        elif message.type == "program_change":
            programs[message.channel] = message.program
        elif message.type in ("note_on", "note_off"):
            key = message.channel, message.note
            if key in held:
                notes.append((*held.pop(key), now_s))
            if message.type == "note_on" and message.velocity:
                held[key] = (*key, message.velocity, programs[message.channel], now_s)
    notes += [(*start, now_s) for start in held.values()]
    return sorted(note for note in notes if note[-1] > note[-2])


@given(files, st.booleans())
def test_notes_are_those_that_mido_finds(tracks, running):
    file, data = saved(tracks, running)

    notes = decode_midi(data)

    found = sorted(
        (row.channel, row.pitch, row.velocity, row.program, row.onset_s, row.offset_s)
        for row in notes.rows()
    )
    expected = read_one_by_one(file)
    assert [row[:4] for row in found] == [row[:4] for row in expected]
    times, expected_times = (np.array([row[4:] for row in rows]) for rows in (found, expected))
    assert np.allclose(times, expected_times, rtol=1e-9, atol=1e-9)


@given(files)
def test_a_running_status_changes_nothing(tracks):
    plain, running = (read_events(saved(tracks, way)[1]) for way in (False, True))

    one_byte = (plain.kind == 12) | (plain.kind == 13)
    assert np.array_equal(plain.time_s, running.time_s)
    assert np.array_equal(plain.kind, running.kind)
    assert np.array_equal(plain.first, running.first)
    assert np.array_equal(plain.second[~one_byte], running.second[~one_byte])


def test_controls_are_read_with_their_times():
    track = [
        mido.Message("control_change", control=64, value=70, channel=2, time=96),
        mido.Message("control_change", control=64, value=0, channel=2, time=96),
    ]

    controls = decode_performance(saved([track], False)[1]).controls

    assert controls.rows() == [(0.5, 70, 64, 2), (1.0, 0, 64, 2)]


@pytest.mark.parametrize("junk", [b"\x00\x3c\x40", b"\x00\x90\x3c\xff", b"\x00\x90", b"\x81"])
def test_what_stands_behind_the_end_of_a_track_is_of_no_account(junk):
    header = b"MThd\x00\x00\x00\x06\x00\x00\x00\x01\x00\x60"
    track = b"\x00\xff\x2f\x00" + junk

    assert len(decode_midi(header + b"MTrk" + len(track).to_bytes(4) + track)) == 0


@pytest.mark.parametrize(
    ("track", "reason"),
    [
        (b"\x00\x3c\x40", "no status"),
        (b"\x00\x90\x3c\xff", "above 127"),
        (b"\x00\x90", "within an event"),
        (b"\x00\xff\x03\x7f", "within an event"),
    ],
)
def test_damage_is_named(track, reason):
    header = b"MThd\x00\x00\x00\x06\x00\x00\x00\x01\x00\x60"

    with pytest.raises(DataError, match=reason):
        read_events(header + b"MTrk" + len(track).to_bytes(4) + track)
