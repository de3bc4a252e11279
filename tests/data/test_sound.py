"""One recording as a tensor: what a corpus holds of it, to the bit."""

import numpy as np
import pytest
import soundfile
import torch
from little_room import little_room

from typica.core.errors import DataError
from typica.core.files import DiskError
from typica.data.folder import FolderSource
from typica.data.prepare import prepare
from typica.data.sound import read_audio, write_audio
from typica.signal.quantise import quantiser


@pytest.mark.parametrize("normalise", ["peak", "none"])
@pytest.mark.parametrize("level", [0.4, 0.317, 0.0923])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_recording_reads_as_the_corpus_holds_it(tmp_path, normalise, level, channels):
    time = np.arange(48000) / 24000
    fading = level * np.sin(2 * np.pi * 220 * time) * np.exp(-9 * time)
    sides = fading[:, None] * np.linspace(1, 0.6, channels)
    (tmp_path / "album").mkdir()
    soundfile.write(tmp_path / "album" / "a.wav", sides, 24000, subtype="PCM_24")
    source = FolderSource(tmp_path / "album")
    corpus = prepare(source, tmp_path / "corpus", rate=8000, normalise=normalise, workers=1)

    audio = read_audio(tmp_path / "album" / "a.wav", 8000, normalise=normalise)
    kept = corpus.audio(corpus.recordings()[0])
    codes = [quantiser("mulaw", 8).encode(one) for one in (audio, kept)]

    assert torch.equal(audio, kept)
    assert torch.equal(*codes)


def test_what_there_is_no_room_for_is_a_sentence_and_leaves_nothing(tmp_path):
    path = tmp_path / "a.wav"

    with little_room(1000), pytest.raises(DiskError, match=rf"cannot write {path}: file too large"):
        write_audio(path, torch.zeros(1, 800), 8000)

    assert list(tmp_path.iterdir()) == []


def test_what_is_written_is_read_again(tmp_path):
    audio = torch.linspace(-0.9, 0.9, 400)[None]
    write_audio(tmp_path / "a.wav", audio, 8000)
    torch.testing.assert_close(read_audio(tmp_path / "a.wav", 8000), audio, atol=4e-5, rtol=0)


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        ([], "too short: 0 s, less than 0.00025 s"),
        ([0.1], "too short: 0.000125 s, less than 0.00025 s"),
        ([0.3] * 99, "silent"),
        ([0.1, np.nan] * 9, "holds values that are not finite numbers"),
    ],
)
def test_what_is_of_no_use_is_refused_with_its_reason(tmp_path, samples, reason):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.array(samples, np.float32), 8000, subtype="FLOAT")
    with pytest.raises(DataError, match=f"cannot use .*a.wav: {reason}$"):
        read_audio(path, 8000)
