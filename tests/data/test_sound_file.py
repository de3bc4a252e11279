from pathlib import Path

import numpy as np
import pytest
import soundfile

from typica.core.errors import ConfigError, DataError
from typica.data.sound_file import Coding, coding_for, coding_of, write_sound

RATE = 8000


def noise(frames=3000, channels=2, seed=0):
    generator = np.random.default_rng(seed)
    return generator.uniform(-1, 1, (frames, channels)).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "bits", "kind"),
    [("a.wav", 8, None), ("a.wav", 16, None), ("a.wav", 24, None), ("a.wav", 32, None)]
    + [("a.wav", None, "float"), ("a.flac", 8, None), ("a.flac", 16, None), ("a.flac", 24, None)]
    + [("a.aiff", 8, None), ("a.aiff", 16, None), ("a.au", 16, "pcm"), ("a.caf", 24, None)],
)
def test_the_file_holds_what_the_coding_hears(tmp_path, name, bits, kind):
    audio = noise()
    coding = coding_for(Path(name), bits=bits, kind=kind)

    account = write_sound(
        tmp_path / name, np.array_split(audio, 3), rate=RATE, channels=2, coding=coding
    )

    back, rate = soundfile.read(tmp_path / name, dtype="float32")
    assert rate == RATE
    assert np.array_equal(back, coding.heard(audio))
    error = np.square(back - audio.astype(np.float64)).sum()
    assert account.error == pytest.approx(error, rel=1e-9, abs=1e-12)
    assert (account.samples, account.clipped) == (3000, 0)
    assert coding_of(tmp_path / name) == coding


def test_sixteen_bits_have_the_ratio_of_their_step(tmp_path):
    account = write_sound(
        tmp_path / "a.wav", [noise(50_000)], rate=RATE, channels=2, coding=Coding("PCM_16")
    )

    assert account.ratio_db == pytest.approx(20 * np.log10(2**16), abs=0.1)


def test_what_passes_full_scale_is_counted(tmp_path):
    audio = np.array([[0.5, 1.2], [-1.1, 1.0]], np.float32)

    counts = [
        write_sound(tmp_path / "a.wav", [audio], rate=RATE, channels=2, coding=Coding(name)).clipped
        for name in ("PCM_16", "FLOAT")
    ]

    assert counts == [2, 0]


@pytest.mark.parametrize(
    ("name", "like", "is_"),
    [("a.flac", "PCM_16", "PCM_16"), ("a.flac", "PCM_U8", "PCM_S8"), ("a.flac", "FLOAT", "PCM_24")]
    + [
        ("a.wav", "PCM_S8", "PCM_U8"),
        ("a.wav", "MPEG_LAYER_III", "PCM_16"),
        ("a.wav", "ULAW", "ULAW"),
    ]
    + [("a.wav", "", "PCM_16"), ("a.ogg", "PCM_16", "VORBIS"), ("a.mp3", "", "MPEG_LAYER_III")],
)
def test_a_coding_is_followed_where_the_format_has_it(name, like, is_):
    assert coding_for(Path(name), like=Coding(like)).name == is_


@pytest.mark.parametrize(
    ("name", "wishes", "reason"),
    [("a.flac", {"kind": "float"}, r"\.flac has no 32-bit floats: it has 8-bit samples, 16")]
    + [
        ("a.wav", {"bits": 12}, r"\.wav has no 12 bits"),
        ("a.mp3", {"bits": 16}, "one coding alone"),
    ]
    + [("a.flc", {}, r"did you mean '\.flac'"), ("a.wav", {"bits": 8, "kind": "mulaw"}, "--bits")],
)
def test_codings_that_a_format_has_not_are_refused(name, wishes, reason):
    with pytest.raises(ConfigError, match=reason):
        coding_for(Path(name), **wishes)


def test_nothing_is_left_of_what_cannot_be_written(tmp_path):
    bad = noise()
    bad[5] = np.nan
    for blocks, reason in (([bad], "not finite"), ([], "no samples")):
        with pytest.raises(DataError, match=reason):
            write_sound(tmp_path / "a.wav", blocks, rate=RATE, channels=2, coding=Coding("PCM_16"))
    with pytest.raises(ConfigError, match="Opus has no rate of 44100 Hz"):
        write_sound(tmp_path / "a.opus", [noise()], rate=44100, channels=2, coding=Coding("OPUS"))
    assert list(tmp_path.iterdir()) == []
