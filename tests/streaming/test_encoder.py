import io
import shutil
import subprocess

import numpy as np
import pytest
import soundfile

from typica.core.errors import ConfigError
from typica.streaming.encoder import Flac, Raw, Wav, encoder

RATE = 16000


@pytest.fixture
def audio():
    return np.random.default_rng(0).uniform(-1, 1, 10000).astype(np.float32)


def encoded(coder, audio):
    parts = [coder.begin(), *(coder.encode(part) for part in np.split(audio, 20))]
    return b"".join(parts), coder.end()


@pytest.mark.parametrize("length", [None, 10000])
def test_a_wav_stream_is_read_back_whether_its_length_is_known_or_not(audio, length):
    body, rest = encoded(Wav(RATE, length), audio)

    with soundfile.SoundFile(io.BytesIO(body + rest)) as file:
        read = file.read(20000)

    assert (file.samplerate, file.channels, len(read)) == (RATE, 1, 10000)
    np.testing.assert_allclose(read, audio, atol=2**-15)


def test_a_wav_stream_of_known_length_says_so(audio):
    body, _ = encoded(Wav(RATE, len(audio)), audio)
    assert int.from_bytes(body[4:8], "little") == len(body) - 8
    assert int.from_bytes(body[40:44], "little") == 2 * len(audio)


def test_raw_samples_are_16_bits_the_lower_byte_first():
    codes = Raw(RATE).encode(np.array([0, 0.5, -1, 2], np.float32))
    assert codes == b"\x00\x00\x00\x40\x00\x80\xff\x7f"


def test_flac_is_read_before_it_has_ended(audio, tmp_path):
    body, _ = encoded(Flac(RATE), audio)
    path = tmp_path / "cut.flac"
    path.write_bytes(body)

    with soundfile.SoundFile(path) as file:
        read = file.read(8000)

    np.testing.assert_allclose(read, audio[:8000], atol=2**-15)


@pytest.mark.skipif(not shutil.which("flac"), reason="apt install flac")
def test_the_flac_program_finds_the_whole_stream_sound(audio, tmp_path):
    path = tmp_path / "whole.flac"
    path.write_bytes(b"".join(encoded(Flac(RATE), audio)))

    told = subprocess.run(["flac", "-t", path], capture_output=True, text=True)

    assert told.returncode == 0
    assert "tested 10000 samples" in told.stderr


def test_a_format_that_is_none_names_its_neighbour():
    with pytest.raises(ConfigError, match="no format 'wave': did you mean 'wav'"):
        encoder("wave", RATE)
