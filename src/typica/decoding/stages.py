"""Stages: what a chain does to a distribution before it draws, one small turn each."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import astuple, dataclass
from typing import ClassVar

from torch import Tensor

from typica.core.errors import ConfigError
from typica.core.strategy import Instruction
from typica.core.temperature import check_temperature
from typica.decoding.candidates import Candidates
from typica.decoding.filters import check_count, check_share, check_threshold

NATS_PER_BIT = math.log(2)


@dataclass(frozen=True)
class Stage(ABC):
    """A turn that narrows what may be drawn; what it sees is normalised.

    Attributes:
        name: As on the command line.
        numbers: How many it remembers of each row.
    """

    name: ClassVar[str]
    numbers: ClassVar[int] = 0

    def __str__(self) -> str:
        """Write it as `typica.decoding.words.strategy_from` reads it."""
        return f"{self.name}={':'.join(map(str, self.values))}"

    @property
    def values(self) -> tuple[float, ...]:
        """Its settings, in their order."""
        return astuple(self)

    @property
    def is_neutral(self) -> bool:
        """Whether it changes nothing, whatever the distribution."""
        return False

    @property
    def instruction(self) -> Instruction | None:
        """The same for compiled samplers; None if they cannot."""
        return Instruction(self.name, self.values)

    def begin(self) -> tuple[float, ...]:
        """Return what it remembers of a row before the first symbol."""
        return ()

    @abstractmethod
    def narrow(self, candidates: Candidates, memory: Tensor) -> Candidates:
        """Return what it leaves.

        Args:
            candidates: Of (count, 1) distributions.
            memory: Of each row, (count, numbers).
        """

    def remember(self, candidates: Candidates, symbols: Tensor, memory: Tensor) -> Tensor:
        """Return what it remembers after symbols (count, 1) were drawn.

        Args:
            candidates: What it was given to narrow.
            symbols: What was drawn in the end.
            memory: What it remembered until then.
        """
        return memory


@dataclass(frozen=True)
class Temperature(Stage):
    """Probabilities to the power 1 / temperature; 0 leaves the most likely alone."""

    temperature: float
    name = "temperature"

    def __post_init__(self) -> None:
        check_temperature(self.temperature)

    @property
    def is_neutral(self) -> bool:
        """See `Stage.is_neutral`."""
        return self.temperature == 1

    def narrow(self, candidates: Candidates, memory: Tensor) -> Candidates:
        """See `Stage.narrow`."""
        return candidates.tempered(self.temperature)


@dataclass(frozen=True)
class TopK(Stage):
    """The `k` most likely values."""

    k: int
    name = "top-k"

    def __post_init__(self) -> None:
        check_count(self.name, self.k)

    def narrow(self, candidates: Candidates, memory: Tensor) -> Candidates:
        """See `Stage.narrow`."""
        return candidates.top_k(int(self.k))


@dataclass(frozen=True)
class _Share(Stage):
    share: float

    def __post_init__(self) -> None:
        check_share(self.name, self.share)

    @property
    def is_neutral(self) -> bool:
        """See `Stage.is_neutral`."""
        return self.share == 1


@dataclass(frozen=True)
class Nucleus(_Share):
    """The smallest set of the most likely values that holds a share of probability."""

    name = "nucleus"

    def narrow(self, candidates: Candidates, memory: Tensor) -> Candidates:
        """See `Stage.narrow`."""
        return candidates.nucleus(self.share)


@dataclass(frozen=True)
class Typical(_Share):
    """Locally typical sampling: surprisals nearest to the entropy, until they hold a share."""

    name = "typical"

    def narrow(self, candidates: Candidates, memory: Tensor) -> Candidates:
        """See `Stage.narrow`."""
        return candidates.typical(self.share)


@dataclass(frozen=True)
class _Threshold(Stage):
    threshold: float

    def __post_init__(self) -> None:
        check_threshold(self.name, self.threshold)

    @property
    def is_neutral(self) -> bool:
        """See `Stage.is_neutral`."""
        return self.threshold == 0


@dataclass(frozen=True)
class Epsilon(_Threshold):
    """The values of probability at least the threshold."""

    name = "epsilon"

    def narrow(self, candidates: Candidates, memory: Tensor) -> Candidates:
        """See `Stage.narrow`."""
        return candidates.epsilon(self.threshold)


@dataclass(frozen=True)
class Eta(_Threshold):
    """The values of probability at least min(threshold, sqrt(threshold) exp(-entropy))."""

    name = "eta"

    def narrow(self, candidates: Candidates, memory: Tensor) -> Candidates:
        """See `Stage.narrow`."""
        return candidates.eta(self.threshold)


@dataclass(frozen=True)
class MinP(_Threshold):
    """The values at least so many times as likely as the most likely."""

    name = "min-p"

    def narrow(self, candidates: Candidates, memory: Tensor) -> Candidates:
        """See `Stage.narrow`."""
        return candidates.min_p(self.threshold)


@dataclass(frozen=True)
class Mirostat(Stage):
    """Mirostat 2: keeps the surprise of what is drawn near a target, by a bound that it moves.

    It cannot where the distributions themselves are less surprising than the target.

    Attributes:
        target: Mean surprise, in bits.
        rate: How fast the bound follows.

    Source: Basu et al., 2021, https://arxiv.org/abs/2007.14966; the second version is their code's.
    """

    target: float
    rate: float = 0.1
    name = "mirostat"
    numbers = 1

    def __post_init__(self) -> None:
        for what, value in (("target", self.target), ("rate", self.rate)):
            if not 0 < value < math.inf:
                raise ConfigError(f"{self.name}'s {what} must be above 0, got {value:g}")

    def begin(self) -> tuple[float, ...]:
        """See `Stage.begin`: the bound, in bits."""
        return (2 * self.target,)

    def narrow(self, candidates: Candidates, memory: Tensor) -> Candidates:
        """See `Stage.narrow`."""
        return candidates.surprise_at_most(memory * NATS_PER_BIT)

    def remember(self, candidates: Candidates, symbols: Tensor, memory: Tensor) -> Tensor:
        """See `Stage.remember`."""
        surprise = candidates.surprise(symbols).to(memory) / NATS_PER_BIT
        return memory - self.rate * (surprise - self.target)


@dataclass(frozen=True)
class MirostatZipf(Mirostat):
    """Mirostat 1: as many values as a Zipf law needs for the bound; see `Mirostat`."""

    name = "mirostat-1"

    @property
    def instruction(self) -> Instruction | None:
        """See `Stage.instruction`."""
        return None

    def narrow(self, candidates: Candidates, memory: Tensor) -> Candidates:
        """See `Stage.narrow`."""
        return candidates.by_zipf(memory * NATS_PER_BIT)


STAGES: dict[str, type[Stage]] = {
    stage.name: stage
    for stage in (
        *(Temperature, TopK, Nucleus, Typical, Epsilon, Eta, MinP),
        *(Mirostat, MirostatZipf),
    )
}
"""All stages by their names."""
