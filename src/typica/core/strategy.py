"""What chooses the next symbol of a distribution: the contract between decoding and engines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

from torch import Tensor
from torch.distributions import Distribution

from typica.core.randomness import Randomness


class Instruction(NamedTuple):
    """One turn of a strategy, in words that a compiled sampler may know.

    Attributes:
        name: As in "nucleus".
        values: Its numbers.
    """

    name: str
    values: tuple[float, ...] = ()


class Choice(NamedTuple):
    """What was chosen.

    Attributes:
        symbols: Of the distribution's batch shape.
        log_draw: Log-probability of each under what it was drawn from, in nats; 0 where there was
            no choice.
        memory: What the strategy remembers of each row from now on, (count, numbers).
    """

    symbols: Tensor
    log_draw: Tensor
    memory: Tensor


class Strategy(ABC):
    """Chooses symbol after symbol, by rules that may remember what each row has drawn.

    Rows are independent: what one row draws depends neither on the others nor on their number.
    """

    @property
    def program(self) -> tuple[Instruction, ...] | None:
        """The same rules as instructions for compiled samplers; None if they cannot be."""
        return None

    @abstractmethod
    def begin(self, count: int) -> Tensor:
        """Return what is remembered before the first symbol of `count` rows, (count, numbers)."""

    @abstractmethod
    def choose(
        self, distribution: Distribution, memory: Tensor, generator: Randomness = None
    ) -> Choice:
        """Choose the next symbols.

        Args:
            distribution: What the model says, batch shape (count, 1).
            memory: Of each row, (count, numbers).
            generator: Where the randomness comes from.

        Raises:
            ConfigError: It has no meaning for a distribution of this kind.
        """
