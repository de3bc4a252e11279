"""The contract: what a generative model can be asked."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Distribution

from typica.core.condition import Condition, Need
from typica.core.config import Config
from typica.core.device import wide_on
from typica.core.phase import Batch, Phase
from typica.core.randomness import Randomness, draw
from typica.core.tuning import Tunable

State = Any
"""What an autoregressive model remembers: tensors, numbers and None in tuples, named or not, never
changed in place, so that a state can be kept, copied, saved and gone back to. Sequences are the
first axis of each tensor; a named tuple of which that is not true has a method `pick(rows)`."""

BLOCK = 1 << 15  # samples scored at once when no gradient is wanted: memory stays bounded


class Model(nn.Module, ABC):
    """A generative model: it can be trained and sampled.

    A model whose density can be computed derives from `ExplicitModel`; one that can only
    be sampled (a GAN, say) derives from this class.
    """

    config_type: ClassVar[type[Config]]
    conditioning: ClassVar[tuple[str, ...]] = ()  # kinds it can be built for: "sparse", "dense"
    example: ClassVar[Literal["audio", "image", "tokens"]] = "audio"  # what of a batch it models
    tunable: ClassVar[Mapping[str, Tunable]] = {}  # settings that may change in training

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config

    @property
    def needs(self) -> Mapping[str, Need]:
        """What this model must be told, by name; empty if unconditional."""
        return {}

    @property
    def length(self) -> int | None:
        """Symbols or samples of an example, where all have as many; None where any will do."""
        return None

    @property
    def context(self) -> int:
        """Samples of past that a training crop should carry before those it scores."""
        return 0

    @property
    def alignment(self) -> int:
        """Where audio may be cut: a crop begins at a multiple of so many samples."""
        return math.lcm(*(need.hop for need in self.needs.values() if need.hop))

    @abstractmethod
    def sample(
        self,
        count: int,
        length: int,
        *,
        condition: Condition | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw `count` examples of `length` samples, shape (count, channels, length).

        Images are drawn whole, as levels, int64 (count, channels, height, width): their
        `length` is the model's.
        """

    @abstractmethod
    def phases(self) -> Sequence[Phase]:
        """List the turns of one training step, in their order; called once."""


class ExplicitModel(Model):
    """A model whose density can be computed."""

    density: ClassVar[Literal["exact", "lower bound"]] = "exact"

    @property
    @abstractmethod
    def base_measure(self) -> str:
        """What a density of this model is a density of, as in "8-bit mu-law levels"."""

    @abstractmethod
    def log_prob(self, x: Tensor, condition: Condition | None = None) -> Tensor:
        """Return the log-density of each example, in nats, summed over it, shape (batch,).

        The density of one does not depend on the others in its batch.
        """

    def phases(self) -> Sequence[Phase]:
        """Maximise the likelihood, in nats a sample."""
        return [Phase("likelihood", list(self.parameters()), self.likelihood_loss)]

    def likelihood_loss(self, batch: Batch) -> dict[str, Tensor]:
        """Return the mean negative log-likelihood, in nats a sample."""
        examples = batch[self.example]
        log_prob = self.log_prob(examples, batch.get("condition"))
        return {"nll": -log_prob.mean() / examples[0].numel()}


class StreamingModel(Model):
    """A model that can sound while it samples."""

    @property
    @abstractmethod
    def receptive_fields(self) -> Sequence[int | None]:
        """Samples of the past that each of its levels depends on, from the sound upwards.

        That of a level is its own network's, in symbols, times the samples of a symbol; None stands
        for all of the past.
        """

    @abstractmethod
    def stream(
        self,
        count: int = 1,
        *,
        condition: Condition | None = None,
        generator: torch.Generator | None = None,
    ) -> Iterator[Tensor]:
        """Yield audio without end, in blocks of shape (count, channels, block)."""


class AutoregressiveModel(ExplicitModel):
    """A model that draws symbol after symbol, each given those before it.

    Symbols are what its distributions are over: levels of a quantiser, amplitudes, or pixels.
    A system supplies `symbols`, `render`, `initial`, `start` and `advance`; everything else
    is written here, once.
    """

    @property
    def state_types(self) -> tuple[type, ...]:
        """Named tuples that its states are made of, for those that are read from files."""
        return ()

    @property
    def receptive_field(self) -> int | None:
        """Symbols of the past that a prediction depends on, at most; None for all of them."""
        return None

    @property
    @abstractmethod
    def initial(self) -> float:
        """The symbol that stands before the first: silence."""

    @property
    def final(self) -> int | None:
        """The symbol that ends a sequence; None where sequences have no end, as in sound.

        What follows it is of no account: it is filled with `final`, and costs nothing.
        """
        return None

    @abstractmethod
    def symbols(self, x: Tensor) -> Tensor:
        """Turn examples, as in (batch, channels, time), into symbols (batch, length)."""

    @abstractmethod
    def render(self, symbols: Tensor) -> Tensor:
        """Turn symbols (batch, length) into examples, as in (batch, channels, time)."""

    @abstractmethod
    def start(self, count: int, condition: Condition | None = None) -> State:
        """Return the state before the first symbol of `count` sequences."""

    @abstractmethod
    def advance(self, previous: Tensor, state: State) -> tuple[Distribution, State]:
        """Read symbols and tell what follows each of them.

        Args:
            previous: Symbols (batch, block) that follow those already read into `state`.
            state: From `start` or from the last call; it is left as it was.

        Returns:
            The distributions of the symbols after each of `previous`, batch shape
            (batch, block), and the state that has read them.
        """

    def step(self, previous: Tensor, state: State) -> tuple[Distribution, State]:
        """Read one symbol for each sequence, shape (batch,): `advance` by a block of one.

        The distributions have batch shape (batch, 1).
        """
        return self.advance(previous[:, None], state)

    def conditionals(self, x: Tensor, condition: Condition | None = None) -> Distribution:
        """Return p(x_t | x_<t) for all t at once, batch shape (batch, length)."""
        previous = self._previous(self.symbols(x))
        return self.advance(previous, self.start(len(previous), condition))[0]

    def log_prob(self, x: Tensor, condition: Condition | None = None) -> Tensor:
        """Return the log-probability of examples (batch, channels, time), in nats, (batch,).

        Without gradients, long examples are read in blocks: memory does not grow with time. The
        sum is float64 where the device has it: in float32 a minute loses the third decimal.
        """
        symbols = self.symbols(x)
        previous = self._previous(symbols)
        state = self.start(len(symbols), condition)
        block = symbols.shape[1] if torch.is_grad_enabled() else BLOCK
        wide = wide_on(symbols.device)
        total = torch.zeros(len(symbols), device=symbols.device, dtype=wide)
        parts = (part.split(block, 1) for part in (previous, symbols, self.counts(symbols)))
        for past, now, counts in zip(*parts, strict=True):
            distribution, state = self.advance(past, state)
            log_prob = distribution.log_prob(now).where(counts, 0.0)
            total = total + log_prob.sum(-1, dtype=wide)
        return total

    def counts(self, symbols: Tensor) -> Tensor:
        """Return which of symbols (batch, length) are of account: all to the first `final`."""
        if self.final is None:
            return torch.ones_like(symbols, dtype=torch.bool)
        ends = symbols == self.final
        return ends.cumsum(1) - ends.long() == 0

    def likelihood_loss(self, batch: Batch) -> dict[str, Tensor]:
        """Return the mean negative log-likelihood of what follows the context, in nats."""
        examples = batch[self.example]
        distribution = self.conditionals(examples, batch.get("condition"))
        symbols = self.symbols(examples)
        return {"nll": self._mean_nats(distribution.log_prob(symbols), symbols, batch)}

    def _mean_nats(self, log_prob: Tensor, symbols: Tensor, batch: Batch) -> Tensor:
        """Return minus the mean of what is scored in a batch, of values (batch, length)."""
        context = batch.get("context", 0)
        log_prob = log_prob[:, context:]
        if "length" not in batch and self.final is None:
            return -log_prob.mean()
        is_real = self.counts(symbols)[:, context:]
        if "length" in batch:
            index = torch.arange(log_prob.shape[1], device=log_prob.device)
            is_real = is_real & (index < batch["length"][:, None])
        return -log_prob.where(is_real, 0.0).sum() / is_real.sum().clamp_min(1)

    def draws(
        self,
        count: int,
        *,
        condition: Condition | None = None,
        generator: Randomness = None,
    ) -> Iterator[Tensor]:
        """Draw one symbol after another for each of `count` sequences, shape (count,)."""
        state = self.start(count, condition)
        symbols = self._silence(count)
        while True:
            with torch.no_grad():
                distribution, state = self.step(symbols, state)
                drawn = draw(distribution, generator)[:, 0]
                symbols = (
                    drawn if self.final is None else drawn.where(symbols != self.final, symbols)
                )
            yield symbols

    def sample(
        self,
        count: int,
        length: int,
        *,
        condition: Condition | None = None,
        generator: Randomness = None,
    ) -> Tensor:
        """See `Model.sample`."""
        draws = self.draws(count, condition=condition, generator=generator)
        return self.render(torch.stack([next(draws) for _ in range(length)], 1))

    def _silence(self, count: int) -> Tensor:
        device = next(self.parameters()).device
        return torch.full((count,), self.initial, device=device)

    def _previous(self, symbols: Tensor) -> Tensor:
        return F.pad(symbols[:, :-1], (1, 0), value=self.initial)


class EndlessModel(AutoregressiveModel, StreamingModel):
    """An autoregressive model of sound: its sequences have no end, so it can sound at once."""

    @property
    def receptive_fields(self) -> Sequence[int | None]:
        """See `StreamingModel.receptive_fields`."""
        return [self.receptive_field]

    def stream(
        self,
        count: int = 1,
        *,
        condition: Condition | None = None,
        generator: torch.Generator | None = None,
    ) -> Iterator[Tensor]:
        """Yield one sample at a time, shape (count, channels, 1), without end."""
        for symbols in self.draws(count, condition=condition, generator=generator):
            yield self.render(symbols[:, None])
