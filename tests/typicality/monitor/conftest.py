"""Sounds, and a monitor that has heard them."""

import numpy as np
import pytest
import torch
from toy_engines import DiceEngine

from typica.typicality.monitor.grid import Grid
from typica.typicality.monitor.hearing import hear
from typica.typicality.monitor.monitor import Monitor

RATE = 4000
GRID = Grid(RATE)


def play(seconds, seed):
    """Notes of changing pitch, length and loudness, with vibrato and partials: (1, time)."""
    rng = np.random.default_rng(seed)
    parts, missing = [], round(seconds * RATE)
    while missing > 0:
        length = min(missing, round(rng.uniform(0.15, 0.9) * RATE))
        time = np.arange(length) / RATE
        pitch = 110 * 2 ** (rng.integers(0, 30) / 12)
        phase = 2 * np.pi * pitch * time + 0.3 * np.sin(2 * np.pi * 5 * time)
        partials = sum(np.sin(k * phase) / k ** rng.uniform(1, 2) for k in (1, 2, 3))
        envelope = np.exp(-time * rng.uniform(0.5, 4)) * np.minimum(1, time * 100)
        parts.append(rng.uniform(0.1, 0.4) * envelope * partials)
        missing -= length
    audio = np.concatenate(parts) + 0.002 * rng.standard_normal(round(seconds * RATE))
    return torch.from_numpy(np.clip(audio, -1, 1).astype(np.float32))[None]


@pytest.fixture(scope="session")
def dice():
    return DiceEngine()


@pytest.fixture(scope="session")
def music():
    """`music(seconds, seed)` plays some, (1, time)."""
    return play


@pytest.fixture(scope="session")
def heard(dice):
    """Ten minutes of music, in ten recordings."""
    return [hear(dice, play(60, seed), GRID) for seed in range(10)]


@pytest.fixture(scope="session")
def monitor(heard):
    """Calibrated on those, to one false alarm an hour; music is no dice."""
    return Monitor.of(heard, GRID)


@pytest.fixture(scope="session")
def fresh_music(dice):
    """Four minutes that the monitor has not heard."""
    return [hear(dice, play(60, seed), GRID) for seed in range(100, 104)]
