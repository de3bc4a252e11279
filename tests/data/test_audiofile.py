import os
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from typica.core.errors import DataError
from typica.data.audiofile import BLOCK, open_audio


def write_m4a(path, audio, rate):
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=rate)
        stream.layout = "stereo"
        planes = np.ascontiguousarray(audio.T, np.float32)
        frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = rate, 0
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)


def stereo(rate=44100, seconds=1.5):
    time = np.arange(round(rate * seconds)) / rate
    left, right = (0.4 * np.sin(2 * np.pi * hertz * time) for hertz in (440, 660))
    return np.stack([left, right], 1)


def read(path):
    file = open_audio(path)
    return file.rate, np.concatenate(list(file.blocks))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.wav", {"subtype": "PCM_U8"}),
        ("a.wav", {"subtype": "PCM_16"}),
        ("a.wav", {"subtype": "PCM_24"}),
        ("a.wav", {"subtype": "FLOAT"}),
        ("a.wav", {"format": "WAVEX"}),
        ("a.flac", {}),
        ("a.ogg", {}),
        ("a.mp3", {}),
        ("a.aiff", {}),
        ("no ending", {"format": "FLAC"}),
    ],
)
def test_the_common_formats_are_read(tmp_path, name, kind):
    soundfile.write(tmp_path / name, stereo(), 44100, **kind)

    rate, audio = read(tmp_path / name)

    assert rate == 44100
    assert audio.dtype == np.float32
    assert np.abs(audio - stereo()).max() < 0.05


def test_m4a_is_read_by_the_other_decoder(tmp_path):
    write_m4a(tmp_path / "a.m4a", stereo(), 44100)

    rate, audio = read(tmp_path / "a.m4a")

    assert rate == 44100
    middle = slice(4096, 60_000)  # at its edges the codec is coarse
    assert np.abs(audio[middle] - stereo()[middle]).max() < 0.1


def test_a_video_without_sound_is_refused(tmp_path):
    av = pytest.importorskip("av")
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("mpeg4", rate=24)
        stream.width = stream.height = 32
        frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8))
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)

    with pytest.raises(DataError, match="^holds no sound$"):
        open_audio(tmp_path / "a.mkv")


def test_without_the_decoder_the_extra_is_named(tmp_path, monkeypatch):
    (tmp_path / "a.M4A").write_bytes(b"whatever")
    monkeypatch.setitem(sys.modules, "av", None)

    with pytest.raises(DataError, match=r"^a .m4a file needs av: pip install 'typica\[media\]'$"):
        open_audio(tmp_path / "a.M4A")


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.m4a"])
def test_noise_with_the_name_of_a_sound_file_is_broken(tmp_path, name):
    (tmp_path / name).write_bytes(np.random.default_rng(0).bytes(5000))

    with pytest.raises(DataError, match="^broken sound file"):
        read(tmp_path / name)


@pytest.mark.parametrize("name", ["cover.jpg", "notes.txt", "x.raw", "noise"])
def test_anything_else_is_not_a_sound_file(tmp_path, name):
    (tmp_path / name).write_bytes(np.random.default_rng(0).bytes(5000))

    with pytest.raises(DataError, match="^not a sound file$"):
        open_audio(tmp_path / name)


def test_a_file_that_breaks_off_tells_where(tmp_path):
    noise = np.random.default_rng(0).uniform(-1, 1, 16000 * 20)
    soundfile.write(tmp_path / "a.flac", noise, 16000)
    whole = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "a.flac").write_bytes(whole[: len(whole) // 2])

    reason = r"^broken sound file: it cannot be decoded after \d\.\d s$"
    with pytest.raises(DataError, match=reason):
        read(tmp_path / "a.flac")


def test_empty_missing_and_special_files_are_refused(tmp_path):
    (tmp_path / "empty.wav").touch()
    os.mkfifo(tmp_path / "pipe.wav")

    for name, reason in (
        ("empty.wav", "empty file"),
        ("pipe.wav", "not a file: a device, pipe or socket"),
        ("missing.wav", "cannot be opened: no such file or directory"),
    ):
        with pytest.raises(DataError, match=f"^{reason}$"):
            open_audio(tmp_path / name)


def test_a_name_that_is_no_valid_text_is_opened(tmp_path):
    soundfile.write(tmp_path / "a.wav", stereo(), 44100)
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff\n.wav"))
    (tmp_path / "a.wav").rename(odd)

    assert read(odd)[0] == 44100


def test_blocks_are_small_however_many_channels_there_are(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros((20_000, 40)), 16000)

    assert all(block.size <= BLOCK for block in open_audio(tmp_path / "a.wav").blocks)
