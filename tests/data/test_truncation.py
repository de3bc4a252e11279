import numpy as np
import pytest
import soundfile

from typica.core.errors import DataError
from typica.data.audiofile import open_audio

FORMATS = {
    "a.wav": {}, "extensible.wav": {"format": "WAVEX"}, "float.wav": {"subtype": "FLOAT"},
    "a.rf64": {}, "a.w64": {}, "a.aiff": {}, "a.aifc": {"format": "AIFF", "subtype": "ULAW"},
    "a.au": {}, "a.caf": {}, "a.flac": {}, "a.ogg": {},
    "a.opus": {"format": "OGG", "subtype": "OPUS"},
}  # fmt: skip


@pytest.fixture
def noise():
    return (0.1 * np.random.default_rng(0).standard_normal((24_000, 2))).astype(np.float32)


def read(path):
    return sum(map(len, open_audio(path).blocks))


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.97])
def test_a_file_that_was_cut_is_broken(tmp_path, noise, name, share):
    path = tmp_path / name
    soundfile.write(path, noise, 24_000, **FORMATS[name])
    whole = read(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])

    with pytest.raises(DataError, match="broken sound file"):
        read(path)
    assert whole == 24_000


@pytest.mark.parametrize("name", ["a.wav", "a.aiff", "a.au", "a.ogg"])
def test_a_file_that_lacks_its_last_byte_is_broken(tmp_path, noise, name):
    path = tmp_path / name
    soundfile.write(path, noise[:101, :1], 24_000, **FORMATS[name])
    data = path.read_bytes()
    path.write_bytes(data[:-1])

    with pytest.raises(DataError, match=f"cut after {len(data) - 1} of {len(data)} bytes"):
        read(path)


@pytest.mark.parametrize(
    ("name", "place", "size"),
    [
        ("a.wav", b"data", 0xFFFFFFFF),
        ("a.wav", b"data", 0x7FFFFFFF),
        ("a.aiff", b"SSND", 0xFFFFFFFF),
        ("a.aiff", b"SSND", 0x7FFFFFFF),
        ("a.au", b".snd\0\0\0\x18", 0xFFFFFFFF),
    ],
)
def test_a_length_that_its_writer_did_not_know_is_no_cut(tmp_path, noise, name, place, size):
    path = tmp_path / name
    soundfile.write(path, noise, 24_000)
    data = bytearray(path.read_bytes())
    at = data.index(place) + len(place)
    data[at : at + 4] = size.to_bytes(4, "little" if name == "a.wav" else "big")
    path.write_bytes(data)

    assert read(path) == 24_000


@pytest.mark.parametrize("name", ["a.wav", "a.aiff", "a.ogg", "a.au", "a.caf"])
def test_what_stands_behind_the_sound_is_of_no_account(tmp_path, noise, name):
    path = tmp_path / name
    soundfile.write(path, noise, 24_000)
    path.write_bytes(path.read_bytes() + b"TAG" + bytes(125))

    assert read(path) == 24_000


def test_a_chunk_of_odd_length_before_the_sound_is_passed_over(tmp_path, noise):
    path = tmp_path / "a.wav"
    soundfile.write(path, noise, 24_000)
    data = path.read_bytes()
    at = data.index(b"data")
    data = data[:at] + b"LIST" + (5).to_bytes(4, "little") + b"INFO!\0" + data[at:]
    path.write_bytes(data[:-7])

    with pytest.raises(DataError, match=f"cut after {len(data) - 7} of {len(data)} bytes"):
        read(path)
