"""Recordings to prepare: files, and a source that holds its sounds in memory."""

from dataclasses import dataclass, field

import numpy as np
import pytest
import soundfile

from typica.data.prepare import prepare
from typica.data.source import Item, Sound, Source, TrackKind


@pytest.fixture
def write():
    """Write a tone to a sound file; its folder is made too."""

    def write(path, hertz=440.0, seconds=1.0, rate=16000, level=0.3, channels=1, **kind):
        path.parent.mkdir(parents=True, exist_ok=True)
        time = np.arange(round(seconds * rate)) / rate
        audio = level * np.sin(2 * np.pi * hertz * time)
        soundfile.write(path, np.repeat(audio[:, None], channels, axis=1), rate, **kind)
        return path

    return write


@dataclass
class Memory(Source):
    """Sounds by name: arrays (frames,) or (frames, channels), at one rate."""

    sounds: dict
    rate: int = 16000
    labels: dict = field(default_factory=dict)
    tracks: dict = field(default_factory=dict)
    track_kinds: dict = field(default_factory=dict)
    name: str = "memory"
    licence: str = "CC0-1.0"
    made: str = "written for a test"

    def items(self):
        return [Item(name, 1000, "1") for name in self.sounds]

    def open(self, item):
        audio = np.asarray(self.sounds[item.id], np.float32)
        blocks = np.array_split(audio if audio.ndim == 2 else audio[:, None], 3)
        return Sound(self.rate, blocks, self.labels.get(item.id), self.tracks.get(item.id, {}))


@pytest.fixture
def memory():
    """The class of sources that hold their sounds in memory."""
    return Memory


@pytest.fixture
def ramps(tmp_path):
    """Prepare recordings whose samples count on from one to the next, in steps of 2 ** -15.

    So a sample tells where it comes from: the first recording begins with 1. Where asked for, a
    dense track has frames of 8 samples that count on in the same way.
    """

    def ramps(*lengths, hop=None, splits=None, out="ramps"):
        ends = np.cumsum([1, *lengths])
        names = [f"{number:03d}" for number in range(len(lengths))]
        counts = [np.arange(a, b) for a, b in zip(ends, ends[1:], strict=False)]
        source = Memory({name: c / 2**15 for name, c in zip(names, counts, strict=True)}, 16000)
        if hop:
            source.track_kinds = {"roll": TrackKind(2, 16000 / hop)}
            source.tracks = {
                name: {"roll": np.stack([count[::hop] // hop, count[::hop] % hop], 1).astype("u1")}
                for name, count in zip(names, counts, strict=True)
            }
        return prepare(source, tmp_path / out, normalise="none", minimum_s=0, workers=1)

    return ramps
