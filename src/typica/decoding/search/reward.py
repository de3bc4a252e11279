"""What long sequences are given, since every symbol costs some probability."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from typica.core.errors import ConfigError


class LengthReward(ABC):
    """Turns a log-probability into a score; among sequences of one length it keeps the order."""

    @abstractmethod
    def score(self, log_prob: Tensor, length: int | Tensor) -> Tensor:
        """Return the score of whole sequences of so many symbols, the final one counted."""

    @abstractmethod
    def bound(self, log_prob: Tensor, length: int, longest: int) -> Tensor:
        """Return the best that may become of sequences of `length` symbols that go on."""


@dataclass(frozen=True)
class NoReward(LengthReward):
    """The log-probability itself."""

    def score(self, log_prob: Tensor, length: int | Tensor) -> Tensor:
        """See `LengthReward.score`."""
        return log_prob

    def bound(self, log_prob: Tensor, length: int, longest: int) -> Tensor:
        """See `LengthReward.bound`: log-probabilities only fall."""
        return log_prob


@dataclass(frozen=True)
class PerSymbol(LengthReward):
    """The log-probability divided by the number of symbols."""

    def score(self, log_prob: Tensor, length: int | Tensor) -> Tensor:
        """See `LengthReward.score`."""
        return log_prob / length

    def bound(self, log_prob: Tensor, length: int, longest: int) -> Tensor:
        """See `LengthReward.bound`: what is divided by the greatest length falls least."""
        return log_prob / longest


@dataclass(frozen=True)
class LengthPenalty(LengthReward):
    """The log-probability divided by ((5 + length) / 6) ** alpha.

    Source: Wu et al., 2016, https://arxiv.org/abs/1609.08144, equation 14, without coverage.

    Attributes:
        alpha: 0 is no reward; they took 0.6 to 0.7.
    """

    alpha: float = 0.6

    def __post_init__(self) -> None:
        if not 0 <= self.alpha < float("inf"):
            raise ConfigError(f"alpha must be at least 0, got {self.alpha:g}")

    def score(self, log_prob: Tensor, length: int | Tensor) -> Tensor:
        """See `LengthReward.score`."""
        length = torch.as_tensor(length).to(log_prob)
        return log_prob / ((5 + length) / 6) ** self.alpha

    def bound(self, log_prob: Tensor, length: int, longest: int) -> Tensor:
        """See `LengthReward.bound`."""
        return self.score(log_prob, longest)


@dataclass(frozen=True)
class SymbolReward(LengthReward):
    """The log-probability, and so much for each symbol: the word reward of translation.

    Attributes:
        beta: In nats a symbol.
    """

    beta: float

    def __post_init__(self) -> None:
        if not abs(self.beta) < float("inf"):
            raise ConfigError(f"beta must be a finite number, got {self.beta:g}")

    def score(self, log_prob: Tensor, length: int | Tensor) -> Tensor:
        """See `LengthReward.score`."""
        return log_prob + self.beta * torch.as_tensor(length).to(log_prob)

    def bound(self, log_prob: Tensor, length: int, longest: int) -> Tensor:
        """See `LengthReward.bound`: with a fine, the next symbol is the last."""
        return log_prob + self.beta * (longest if self.beta > 0 else length + 1)
