"""What may be drawn: a distribution that stages narrow, one after another."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NoReturn

from torch import Tensor

from typica.core.errors import ConfigError
from typica.core.randomness import Randomness


class Candidates(ABC):
    """A distribution of batch shape (count, 1), of which some values may no longer be drawn.

    Each turn sees what the one before it left, normalised again, and returns candidates anew. A
    turn that has no meaning for values of this kind is refused.

    Attributes:
        kind: What its values are, for messages.
    """

    kind: str

    @abstractmethod
    def tempered(self, temperature: float) -> Candidates:
        """Raise probabilities to the power 1 / temperature; 0 leaves the most likely alone."""

    @abstractmethod
    def nucleus(self, share: float) -> Candidates:
        """Keep the smallest set of the most likely values that holds a share of probability."""

    @abstractmethod
    def typical(self, share: float) -> Candidates:
        """Keep the values of surprisals nearest to the entropy that hold a share."""

    @abstractmethod
    def min_p(self, ratio: float) -> Candidates:
        """Keep the values at least `ratio` times as likely as the most likely."""

    def top_k(self, k: int) -> Candidates:
        """Keep the `k` most likely values."""
        self._refuse("top-k")

    def epsilon(self, least: float) -> Candidates:
        """Keep the values of probability at least `least`."""
        self._refuse("epsilon")

    def eta(self, least: float) -> Candidates:
        """Keep the values of probability at least min(least, sqrt(least) exp(-entropy))."""
        self._refuse("eta")

    def surprise_at_most(self, most: Tensor) -> Candidates:
        """Keep the values of surprisals up to `most` (count, 1), in nats."""
        self._refuse("mirostat")

    def by_zipf(self, surprise: Tensor) -> Candidates:
        """Keep as many values as a Zipf law needs for a surprisal (count, 1), in nats."""
        self._refuse("mirostat-1")

    @abstractmethod
    def surprise(self, symbols: Tensor) -> Tensor:
        """Return the surprisals of values among these candidates, (count, 1), in nats."""

    @abstractmethod
    def draw(self, generator: Randomness = None) -> tuple[Tensor, Tensor]:
        """Draw symbols; return them and their log-probabilities here, (count, 1), in nats."""

    def _refuse(self, name: str) -> NoReturn:
        raise ConfigError(
            f"{name} has no meaning for {self.kind}: ask for nucleus, typical or min-p"
        )
