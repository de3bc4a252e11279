"""A small corpus of tones, prepared once, and a model whose density is known."""

from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

RATE = 8000


def melody(seed, seconds=4.0):
    """Decaying harmonic notes with a little noise, shape (time,)."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(RATE * 0.25)) / RATE
    notes = []
    for _ in range(round(seconds / 0.25)):
        hertz = 220 * 2 ** (rng.choice([0, 2, 4, 5, 7, 9, 12]) / 12)
        tone = sum(np.sin(2 * np.pi * hertz * k * time) / k for k in (1, 2, 3, 4))
        notes.append(tone * np.exp(-4 * time))
    audio = np.concatenate(notes) * 0.3
    return audio + 0.001 * rng.standard_normal(len(audio))


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    from typica.data.folder import FolderSource
    from typica.data.prepare import prepare

    folder = tmp_path_factory.mktemp("recordings")
    for number in range(10):
        soundfile.write(folder / f"{number}.wav", melody(number), RATE, subtype="PCM_16")
    source = FolderSource(folder, licence="CC0-1.0")
    return prepare(source, tmp_path_factory.mktemp("corpora") / "tunes", rate=RATE, workers=1)


@pytest.fixture
def shelf():
    """Make something with the lengths of a corpus and no sound."""

    def make(lengths, rate=100, split="valid"):
        recordings = [
            SimpleNamespace(id=f"r{number}", length=length, split=split)
            for number, length in enumerate(lengths)
        ]
        return SimpleNamespace(
            name="shelf",
            rate=rate,
            recordings=lambda wanted: [one for one in recordings if one.split == wanted],
        )

    return make
