"""Models without a memory, of which an engine draws hours in a second: for tests of streams."""

from dataclasses import dataclass, replace

import torch
from torch.distributions import Categorical

from typica.core.config import Config
from typica.core.engine import Draws, Engine, EngineState
from typica.core.engine_state import Saved
from typica.core.model import EndlessModel
from typica.core.spread import spread as spread_of
from typica.core.temperature import most_likely, tempered
from typica.signal.quantise import MuLaw


@dataclass(frozen=True)
class NoConfig(Config):
    pass


class Dice(EndlessModel):
    """Draws each level from one bell-shaped distribution, whatever came before."""

    config_type = NoConfig
    base_measure, initial = "levels", 128

    def __init__(self):
        super().__init__(NoConfig())
        self.quantiser = MuLaw(8)
        self.weight = torch.nn.Parameter(-(((torch.arange(256) - 128) / 30.0) ** 2) / 2)

    def symbols(self, x):
        return self.quantiser.encode(x[:, 0])

    def render(self, symbols):
        return self.quantiser.decode(symbols)[:, None]

    def start(self, count, condition=None):
        return ()

    def advance(self, previous, state):
        return Categorical(logits=self.weight.detach().expand(*previous.shape, -1)), state


@dataclass(frozen=True)
class ToyState(EngineState):
    """How long it has played, and whether it is in a trap."""

    time: int = 0
    trapped: bool = False

    def pick(self, rows):
        return replace(self, previous=self.previous[list(rows)])

    digest = "dice"

    def leave(self):
        return Saved(self.previous, (self.time, self.trapped))


class DiceEngine(Engine):
    """All steps at once: they do not depend on one another."""

    def __init__(self):
        self.model, self.name = Dice(), "dice"

    def start(self, count, *, condition=None, prompt=None):
        return ToyState(torch.full((count,), 128))

    digest = "dice"

    def enter(self, saved, where):
        return ToyState(saved.previous, *saved.inner)

    def step(self, state):
        return self.model.advance(state.previous[:, None], ())[0], state

    def follow(self, symbols, state):
        return self.model.advance(symbols, ())[0], state.then(symbols[:, -1])

    def draw(self, state, length, *, temperature=1.0, strategy=None, generator=None, spread=False):
        assert strategy is None
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


class Fated(DiceEngine):
    """Plays noise; each block, from time `after` on, may be the first of an endless silence."""

    def __init__(self, risk=0.0, after=0):
        super().__init__()
        self.risk, self.after = risk, after
        self.seen = []  # the states that were gone on from

    def draw(self, state, length, *, temperature=1.0, strategy=None, generator=None, spread=False):
        assert strategy is None
        self.seen.append(state)
        noise = torch.randint(64, 192, (1, length), generator=generator)
        falls = torch.rand(1, generator=generator).item() < self.risk and state.time >= self.after
        trapped = state.trapped or falls
        symbols = torch.full_like(noise, 128) if trapped else noise
        after = ToyState(symbols[:, -1], state.time + length, trapped)
        zeros, ones = torch.zeros(1, length), torch.ones(1, length)
        return Draws(symbols, zeros - 1, zeros - 1, ones, ones, after)
