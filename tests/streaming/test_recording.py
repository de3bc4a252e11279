import numpy as np
import pytest
import soundfile

from typica.core.errors import ConfigError
from typica.streaming import recording
from typica.streaming.errors import StreamError
from typica.streaming.recording import Recording, Segments
from typica.streaming.sink import Outlet


def played(one, sink):
    """Play a whole performance into a sink, and return what went wrong."""
    outlet = Outlet(sink, one, patience="wait")
    one.start()
    outlet.finished.wait(10)
    return outlet.error


@pytest.mark.parametrize("name", ["a.wav", "a.FLAC"])
def test_a_file_holds_every_sample(broadcast, perform, ramp_codes, tmp_path, name):
    assert played(broadcast(perform(30)), Recording(tmp_path / "new" / name)) is None

    read, rate = soundfile.read(tmp_path / "new" / name, dtype="int16")

    assert rate == 8000
    np.testing.assert_array_equal(read, ramp_codes(0, 30 * 400))
    assert [path.name for path in (tmp_path / "new").iterdir()] == [name]


def test_a_file_is_whole_though_the_performance_broke(broadcast, perform, tmp_path):
    one = broadcast(perform(3, error=StreamError("gone")))
    assert played(one, Recording(tmp_path / "a.wav")) is None
    assert soundfile.info(tmp_path / "a.wav").frames == 3 * 400


def test_segments_join_without_a_gap(broadcast, perform, ramp_codes, tmp_path):
    assert played(broadcast(perform(30)), Segments(tmp_path, 0.17)) is None

    files = sorted(tmp_path.iterdir())
    parts = [soundfile.read(path, dtype="int16")[0] for path in files]

    assert files[0].name == "segment-000001.wav"
    assert {len(part) for part in parts[:-1]} == {1360}
    np.testing.assert_array_equal(np.concatenate(parts), ramp_codes(0, 30 * 400))


def test_the_newest_segments_are_kept_and_numbers_go_on(broadcast, perform, tmp_path):
    (tmp_path / "mine.wav").write_bytes(b"")
    for _ in range(2):
        assert played(broadcast(perform(20)), Segments(tmp_path, 0.25, keep=3)) is None

    names = sorted(path.name for path in tmp_path.iterdir())

    assert names == ["mine.wav", *(f"segment-{number:06d}.wav" for number in (6, 7, 8))]


def test_a_file_that_can_grow_no_further_is_kept(broadcast, perform, tmp_path, monkeypatch):
    monkeypatch.setitem(recording.LARGEST, "wav", 2000)
    error = played(broadcast(perform(30)), Recording(tmp_path / "a.wav"))
    assert "is as large as it can be: use --segment-seconds" in str(error)
    assert soundfile.info(tmp_path / "a.wav").frames == 1000


def test_a_place_that_cannot_be_written_is_one_sentence(broadcast, perform, tmp_path):
    (tmp_path / "file").write_text("")
    error = played(broadcast(perform(3)), Recording(tmp_path / "file" / "a.wav"))
    assert str(error).startswith(f"cannot write {tmp_path}/file/a.wav")


def test_a_name_of_no_format_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"a.mp3 should end in .wav or .flac"):
        Recording(tmp_path / "a.mp3")


@pytest.mark.parametrize("settings", [{"seconds": 0}, {"seconds": 1, "keep": 0}])
def test_segments_of_nothing_are_refused(tmp_path, settings):
    with pytest.raises(ConfigError, match="segments must be longer than 0 s"):
        Segments(tmp_path, **settings)
