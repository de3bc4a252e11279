import numpy as np
import pytest
import soundfile

from typica.core.errors import ConfigError, DataError
from typica.data.excerpt import KEPT, read_excerpt

RATE = 8000


def noise(seconds=6.0, channels=2):
    draw = np.random.default_rng(0)
    return (0.1 * draw.standard_normal((round(seconds * RATE), channels))).astype(np.float32)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.aiff", "a.mp3", "a.ogg"])
def test_a_stretch_is_what_reading_through_the_file_gives(tmp_path, name):
    soundfile.write(tmp_path / name, noise(), RATE)
    whole, _ = soundfile.read(tmp_path / name, dtype="float32")

    found = read_excerpt(tmp_path / name, start_s=2.5, seconds=1.25)

    wanted = whole[20_000:30_000]
    assert found.channels == pytest.approx(wanted.T, abs=1e-6)
    assert found.mono == pytest.approx(wanted.mean(1), abs=1e-6)
    assert (found.start_s, found.stop_s, found.duration_s) == (2.5, 3.75, 1.25)
    assert found.whole_s == pytest.approx(6, abs=0.2)  # some codecs fill up their last block


def test_where_a_file_cannot_be_sought_in_it_is_read_up_to_the_place(tmp_path, monkeypatch):
    soundfile.write(tmp_path / "a.wav", noise(), RATE)
    sought = read_excerpt(tmp_path / "a.wav", start_s=2.5, seconds=1.25)

    def cannot(*_):
        raise soundfile.LibsndfileError(1)

    monkeypatch.setattr(soundfile.SoundFile, "seek", cannot)
    read = read_excerpt(tmp_path / "a.wav", start_s=2.5, seconds=1.25)

    assert np.array_equal(read.channels, sought.channels)


def test_a_stretch_of_a_film_is_found_too(tmp_path):
    av = pytest.importorskip("av")
    audio = noise(4.0, 1)
    with av.open(str(tmp_path / "a.mka"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=RATE)
        stream.layout = "mono"
        samples = np.rint(audio.T * 32768).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate, frame.pts = RATE, 0
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)

    found = read_excerpt(tmp_path / "a.mka", start_s=3.0, seconds=0.5)

    assert found.mono == pytest.approx(audio[24_000:28_000, 0], abs=1e-4)
    assert found.whole_s == pytest.approx(4, abs=0.01)


def test_the_file_may_end_before_the_stretch(tmp_path):
    soundfile.write(tmp_path / "a.wav", noise(2.0), RATE)

    assert read_excerpt(tmp_path / "a.wav", start_s=1.5, seconds=10).duration_s == 0.5
    for start_s in (2.0, 3.0):
        with pytest.raises(DataError, match=r"a\.wav: nothing sounds at .*: it lasts 2\.00 s"):
            read_excerpt(tmp_path / "a.wav", start_s=start_s, seconds=1)


def test_many_channels_are_averaged_and_some_are_kept(tmp_path):
    audio = noise(0.5, 12)
    soundfile.write(tmp_path / "a.wav", audio, RATE, subtype="FLOAT")

    found = read_excerpt(tmp_path / "a.wav", seconds=1)

    assert found.channel_count == 12
    assert np.array_equal(found.channels, audio[:, :KEPT].T)
    assert found.mono == pytest.approx(audio.mean(1), abs=1e-6)


def test_another_rate_can_be_asked_for(tmp_path):
    time = np.arange(RATE) / RATE
    soundfile.write(tmp_path / "a.wav", np.sin(2 * np.pi * 100 * time), RATE, subtype="FLOAT")

    found = read_excerpt(tmp_path / "a.wav", seconds=1, rate=2000)

    assert (found.rate, found.file_rate, len(found.mono)) == (2000, RATE, 2000)
    wanted = np.sin(2 * np.pi * 100 * np.arange(2000) / 2000)
    assert found.mono[100:-100] == pytest.approx(wanted[100:-100], abs=1e-3)


def test_what_no_stretch_can_be_is_refused(tmp_path):
    soundfile.write(tmp_path / "a.wav", noise(1.0), RATE)
    soundfile.write(tmp_path / "none.wav", np.zeros((0, 1)), RATE)

    for settings in ({"start_s": -1, "seconds": 1}, {"seconds": 0}, {"seconds": np.inf}):
        with pytest.raises(ConfigError, match="a stretch begins at 0 s or later"):
            read_excerpt(tmp_path / "a.wav", **settings)
    with pytest.raises(DataError, match=r"none\.wav: it holds no samples"):
        read_excerpt(tmp_path / "none.wav", seconds=1)
