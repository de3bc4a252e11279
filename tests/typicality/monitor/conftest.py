"""Sounds, and a model so simple that hours of it are drawn in a second."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch.distributions import Categorical

from typica.core.config import Config
from typica.core.engine import Draws, Engine, EngineState
from typica.core.model import EndlessModel
from typica.core.spread import spread as spread_of
from typica.core.temperature import most_likely, tempered
from typica.signal.quantise import MuLaw
from typica.typicality.monitor.grid import Grid
from typica.typicality.monitor.hearing import hear
from typica.typicality.monitor.monitor import Monitor

RATE = 4000
GRID = Grid(RATE)


@dataclass(frozen=True)
class NoConfig(Config):
    pass


class Dice(EndlessModel):
    """Draws each level from one bell-shaped distribution, whatever came before."""

    config_type = NoConfig

    def __init__(self):
        super().__init__(NoConfig())
        self.quantiser = MuLaw(8)
        self.weight = torch.nn.Parameter(-(((torch.arange(256) - 128) / 30.0) ** 2) / 2)

    base_measure = "levels"
    initial = 128

    def symbols(self, x):
        return self.quantiser.encode(x[:, 0])

    def render(self, symbols):
        return self.quantiser.decode(symbols)[:, None]

    def start(self, count, condition=None):
        return ()

    def advance(self, previous, state):
        return Categorical(logits=self.weight.detach().expand(*previous.shape, -1)), state


@dataclass(frozen=True)
class DiceState(EngineState):
    def pick(self, rows):
        return replace(self, previous=self.previous[list(rows)])

    def save(self, path):
        raise NotImplementedError


class DiceEngine(Engine):
    """All steps at once: they do not depend on one another."""

    def __init__(self):
        self.model, self.name = Dice(), "dice"

    def start(self, count, *, condition=None, prompt=None):
        return DiceState(torch.full((count,), 128))

    def step(self, state):
        return self.model.advance(state.previous[:, None], ())[0], state

    def follow(self, symbols, state):
        return self.model.advance(symbols, ())[0], state.then(symbols[:, -1])

    def load(self, path):
        raise NotImplementedError

    def draw(self, state, length, *, temperature=1.0, generator=None, spread=False):
        one = Categorical(logits=self.model.weight.detach())
        chosen = tempered(one, temperature) if temperature else None
        shape = (state.count, length)
        if chosen is None:
            symbols = most_likely(one).expand(shape)
        else:
            levels = torch.multinomial(
                chosen.probs, state.count * length, replacement=True, generator=generator
            )
            symbols = levels.view(shape)
        entropy, varentropy = (value.expand(shape) for value in spread_of(one))
        log_prob = one.log_prob(symbols)
        return Draws(symbols, log_prob, log_prob, entropy, varentropy, state.then(symbols[:, -1]))


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
