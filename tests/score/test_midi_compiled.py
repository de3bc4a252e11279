"""The compiled reader against the plain one: the same numbers, and the same files refused."""

import importlib
import struct
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from typica.core.errors import DataError
from typica.score import midi, midi_compiled
from typica.score.chorales import chorale_files, read_chorale
from typica.score.controls import Control, Controls
from typica.score.midi import decode_performance, encode_midi
from typica.score.notes import Note, Notes

numba = pytest.importorskip("numba")

delays = st.sampled_from([0, 0, 0, 1, 90, 128, 20_000, 300_000])
sevens = st.integers(0, 127)
keys = st.integers(59, 62)


def message(status, *data):
    """An event whose status may be left out where the last one had the same."""
    return st.tuples(delays, st.builds(lambda *values: bytes(values), status, *data), st.booleans())


def silent(start, content):
    return st.tuples(
        delays,
        content.map(lambda inner: start + variable(len(inner)) + inner),
        st.just(False),
    )


notes = message(
    st.sampled_from([0x80, 0x90, 0x90, 0x91, 0x99]), keys, st.sampled_from([0, 1, 64, 127])
)
others = st.one_of(
    message(st.sampled_from([0xC0, 0xC1, 0xD0]), sevens),
    message(st.sampled_from([0xB0, 0xB1, 0xE0, 0xA0]), st.sampled_from([7, 64]), sevens),
    silent(b"\xff\x51", st.binary(min_size=3, max_size=3)),
    silent(b"\xff\x51", st.binary(max_size=4)),
    silent(b"\xff\x01", st.binary(max_size=140)),
    silent(b"\xf0", st.binary(max_size=5)),
    silent(b"\xf7", st.just(b"\x2f\x00\x2f")),
    st.tuples(delays, st.sampled_from([b"\xf6", b"\xf8"]), st.just(False)),
)
end = st.just((1, b"\xff\x2f\x00", False))
tracks = st.builds(
    lambda *parts: [event for part in parts for event in part],
    st.lists(notes, min_size=2, max_size=12),
    st.lists(others | notes, max_size=9),
    st.lists(end | notes, max_size=3),
)


def variable(number):
    groups = [number & 127]
    while number := number >> 7:
        groups.insert(0, number & 127 | 128)
    return bytes(groups)


def file_of(parts, division=96, cut=0):
    data = b"MThd" + struct.pack(">IHHH", 6, 1, len(parts), division)
    for part in parts:
        body, last = b"", None
        for delay, content, may_run in part:
            body += variable(delay) + (content[1:] if may_run and content[0] == last else content)
            last = content[0] if content[0] < 0xF0 else last
        body = body[: len(body) - cut]
        data += b"MTrk" + struct.pack(">I", len(body)) + body
    return data


@pytest.fixture(scope="module")
def kernel():
    """The kernel as Python reads it, which takes no seconds to compile."""
    numba.config.DISABLE_JIT = True
    sys.modules.pop("typica.score.midi_kernel", None)
    try:
        return importlib.import_module("typica.score.midi_kernel").read
    finally:
        numba.config.DISABLE_JIT = False
        sys.modules.pop("typica.score.midi_kernel", None)


def columns(performance):
    return [
        getattr(part, name).tolist() for part in performance for name in part.__dataclass_fields__
    ]


def plainly(data):
    try:
        return columns(midi._read_plainly(data))
    except DataError:
        return None


def by_kernel(kernel, data):
    try:
        found = midi_compiled.read_by(kernel, data)
    except DataError:
        return None
    return found and columns(found)


@given(parts=st.lists(tracks, min_size=1, max_size=5), division=st.sampled_from([1, 96, 32_767]))
def test_the_kernel_reads_what_the_plain_reader_reads(kernel, parts, division):
    data = file_of(parts, division)

    assert by_kernel(kernel, data) == plainly(data) != None  # noqa: E711


@given(parts=st.lists(tracks, min_size=1, max_size=3), damage=st.data())
def test_the_kernel_refuses_what_the_plain_reader_refuses(kernel, parts, damage):
    data = bytearray(file_of(parts, cut=damage.draw(st.integers(0, 4))))
    for _ in range(damage.draw(st.integers(0, 3))):
        data[damage.draw(st.integers(14, len(data) - 1))] = damage.draw(st.integers(0, 255))

    assert by_kernel(kernel, bytes(data)) == plainly(bytes(data))


@pytest.mark.parametrize("event", [b"\x90\x3c\x40", b"\xff\x01\x00", b"\xf0\x01\xf7", b"\xc0\x05"])
def test_the_kernel_refuses_every_event_that_is_cut_off(kernel, event):
    for cut in range(1, len(event) + 1):
        data = file_of([[(0, event, False), (1, event, False)]], cut=cut)
        assert by_kernel(kernel, data) is plainly(data) is None


def test_compiled_code_reads_after_many_bytes_only(monkeypatch):
    data = encode_midi(Notes.of([Note(60, 0.5, 1.0)]))
    calls = []
    monkeypatch.setattr(midi_compiled, "kernel", lambda: "the kernel")
    monkeypatch.setattr(midi_compiled, "read_by", lambda kernel, data: calls.append(kernel))
    monkeypatch.setattr(midi_compiled, "_bytes_read", 0)
    monkeypatch.setattr(midi_compiled, "STARTS_AFTER", 2 * len(data))

    notes = [decode_performance(data).notes.rows() for _ in range(4)]

    assert calls == ["the kernel"] * 2
    assert notes == [[Note(60, 0.5, 1.0)]] * 4


def test_without_numba_the_plain_reader_goes_on(monkeypatch):
    data = encode_midi(Notes.of([Note(60, 0.5, 1.0)]))
    monkeypatch.setitem(sys.modules, "numba", None)
    midi_compiled.kernel.cache_clear()
    monkeypatch.setattr(midi_compiled, "STARTS_AFTER", 0)

    assert decode_performance(data).notes.rows() == [Note(60, 0.5, 1.0)]


@pytest.mark.slow
def test_compiled_it_reads_every_chorale_and_crowds_of_notes_alike():
    generator = np.random.default_rng(0)
    crowd = [
        Note(int(pitch), start / 8, (start + length) / 8, channel=int(channel))
        for pitch, start, length, channel in zip(
            generator.integers(0, 128, 3000), generator.integers(0, 99, 3000),
            generator.integers(1, 9, 3000), generator.integers(0, 16, 3000), strict=True,
        )
    ]  # fmt: skip
    pedal = Controls.of([Control(i / 7, i % 128) for i in range(500)])
    files = [encode_midi(Notes.of(crowd), changes=pedal)]
    files += [encode_midi(read_chorale(path)) for path in list(chorale_files().values())[::8]]

    for data in files:
        assert by_kernel(midi_compiled.kernel(), data) == plainly(data)
        assert by_kernel(midi_compiled.kernel(), data[:-40]) is None
