"""Tones, noise bursts and pauses, of which all is known, and a small WaveNet that heard them.

The studies of audio share it: it is trained once a process.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from typica.core import registry
from typica.core.model import AutoregressiveModel
from typica.core.randomness import seeded_globally
from typica.lab.study import Bench
from typica.training.fit import fit

RATE = 4000  # hertz
# Shortest and longest segment, in samples. Pauses are short: silence throughout is never heard.
SEGMENTS = {"tone": (400, 1200), "noise": (400, 1200), "pause": (100, 300)}
KINDS = tuple(SEGMENTS)
FADE = 40  # samples
BITS = 6
SETTINGS = {
    **{"stacks": 1, "layers": 8, "kernel": 2, "channels": 24, "gate": 24, "skip": 48},
    **{"head": [48], "bits": BITS},
}
STEPS, BATCH, LENGTH = 320, 6, 1024


class Sounds(NamedTuple):
    """Clips of segments.

    Attributes:
        audio: Shape (count, 1, length).
        kind: For each sample the kind of its segment, an index of `KINDS`, (count, length).
    """

    audio: Tensor
    kind: Tensor


def sounds(count: int, length: int, rng: np.random.Generator) -> Sounds:
    """Make clips: harmonic tones of 100 to 500 Hz, noise as in an s or f, and pauses in turn."""
    pairs = [_clip(length, rng) for _ in range(count)]
    audio, kind = (np.stack(part) for part in zip(*pairs, strict=True))
    return Sounds(torch.from_numpy(audio.astype(np.float32))[:, None], torch.from_numpy(kind))


@cache
def heard(seed: int) -> AutoregressiveModel:
    """Return a WaveNet trained on such sounds, in evaluation mode: half a minute on one core."""
    rng = np.random.default_rng(seed + 1)
    training = sounds(400, LENGTH, rng)
    with seeded_globally(seed):
        model = registry.build("wavenet", "tiny", **SETTINGS)
    fitted = fit(
        model,
        {"audio": training.audio},
        steps=STEPS,
        batch=BATCH,
        learning_rate=5e-3,
        average=0.98,
        seed=seed,
    )
    assert isinstance(fitted, AutoregressiveModel)
    return fitted


def trained(bench: Bench) -> AutoregressiveModel:
    """Return the WaveNet of a bench's seed, and tell that it is being trained."""
    with bench.progress.task("training a WaveNet of sounds"):
        return heard(bench.seed)


def _clip(length: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    audio: list[np.ndarray] = []
    kinds: list[np.ndarray] = []
    while sum(len(part) for part in audio) < length:
        before = kinds[-1][0] if kinds else -1
        kind = int(rng.choice([number for number in range(len(KINDS)) if number != before]))
        size = int(rng.integers(*SEGMENTS[KINDS[kind]]))
        audio.append(segment(KINDS[kind], size, rng))
        kinds.append(np.full(size, kind))
    return np.concatenate(audio)[:length], np.concatenate(kinds)[:length]


def segment(kind: str, size: int, rng: np.random.Generator) -> np.ndarray:
    """Make one segment of a kind, amplitudes in [-1, 1], shape (size,)."""
    if kind == "pause":
        return np.zeros(size)
    if kind == "noise":
        sound = rng.uniform(0.05, 0.25) * rng.standard_normal(size)
    else:
        phase = 2 * np.pi * rng.uniform(100, 500) * np.arange(size) / RATE
        partials = [np.sin(k * phase + rng.uniform(0, 6)) / k for k in range(1, 4)]
        sound = rng.uniform(0.2, 0.5) * np.sum(partials, axis=0)
    fade = np.minimum(1, np.minimum(np.arange(size), np.arange(size)[::-1]) / FADE)
    return np.clip(sound * fade, -1, 1)
