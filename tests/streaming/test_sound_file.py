"""A disk that fills up while a stream is written."""

import os

import numpy as np
import pytest
import soundfile
from little_room import little_room

from typica.streaming.errors import StreamError
from typica.streaming.recording import Recording, Segments
from typica.streaming.sink import Outlet
from typica.streaming.sound_file import writing

RATE = 8000
ROOM = 100_000


def noise(seed, length=2048):
    codes = np.random.default_rng(seed).integers(-30000, 30000, length)
    return (codes / 32768).astype(np.float32)


def write(path, format_, parts):
    with writing(path, format_, RATE) as file:
        for part in parts:
            file.write(part)


@pytest.mark.parametrize("format_", ["wav", "flac"])
def test_what_was_written_before_the_disk_was_full_can_be_read(tmp_path, format_):
    path, given = tmp_path / f"a.{format_}", [noise(seed) for seed in range(100)]
    with little_room(ROOM), pytest.raises(StreamError) as fault:
        write(path, format_, given)

    heard, rate = soundfile.read(path, dtype="float32")

    assert str(fault.value).startswith(f"{path} ends early, at ")
    assert str(fault.value).endswith(
        "the disk takes no more, so make room; what was written is whole"
    )
    told = float(str(fault.value).split(" at ")[1].split(" s")[0])
    assert told == pytest.approx(len(heard) / RATE, abs=0.3)
    assert rate == RATE
    assert 2 * len(heard) > 0.9 * ROOM
    np.testing.assert_array_equal(heard, np.concatenate(given)[: len(heard)])
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("format_", ["wav", "flac"])
@pytest.mark.parametrize("room", [10, 3000])
def test_where_nothing_can_be_written_nothing_is_left(tmp_path, format_, room):
    path = tmp_path / f"a.{format_}"
    with little_room(room), pytest.raises(StreamError, match="a.*: is there room on the disk"):
        write(path, format_, [noise(seed) for seed in range(10)])

    assert os.listdir(tmp_path) == []


def test_the_recording_of_a_stream_is_kept_when_the_disk_is_full(
    broadcast, perform, ramp_codes, tmp_path
):
    one = broadcast(perform(1000))
    with little_room(ROOM):
        outlet = Outlet(Recording(tmp_path / "a.wav"), one, patience="wait")
        one.start()
        outlet.finished.wait(20)

    heard, _ = soundfile.read(tmp_path / "a.wav", dtype="int16")

    assert isinstance(outlet.error, StreamError)
    np.testing.assert_array_equal(heard, ramp_codes(0, len(heard)))
    assert len(heard) > 45_000


def test_segments_before_the_disk_was_full_are_kept(broadcast, perform, tmp_path):
    one = broadcast(perform(1000))
    with little_room(ROOM):
        outlet = Outlet(Segments(tmp_path, 20), one, patience="wait")
        one.start()
        outlet.finished.wait(20)

    assert isinstance(outlet.error, StreamError)
    assert [path.name for path in tmp_path.iterdir()] == ["segment-000001.wav"]
    assert soundfile.info(tmp_path / "segment-000001.wav").frames > 45_000
