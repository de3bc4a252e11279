"""One value alone: what temperature 0 leaves of a distribution."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from typica.core.randomness import Randomness
from typica.decoding.candidates import Candidates


@dataclass(frozen=True)
class Single(Candidates):
    """The most likely value of each row: no later turn changes it, and drawing it takes no number.

    Attributes:
        symbols: Shape (count, 1).
    """

    symbols: Tensor

    kind = "a single value"

    def tempered(self, temperature: float) -> Single:
        """See `Candidates.tempered`."""
        return self

    def nucleus(self, share: float) -> Single:
        """See `Candidates.nucleus`."""
        return self

    def typical(self, share: float) -> Single:
        """See `Candidates.typical`."""
        return self

    def min_p(self, ratio: float) -> Single:
        """See `Candidates.min_p`."""
        return self

    def top_k(self, k: int) -> Single:
        """See `Candidates.top_k`."""
        return self

    def epsilon(self, least: float) -> Single:
        """See `Candidates.epsilon`."""
        return self

    def eta(self, least: float) -> Single:
        """See `Candidates.eta`."""
        return self

    def surprise_at_most(self, most: Tensor) -> Single:
        """See `Candidates.surprise_at_most`."""
        return self

    def by_zipf(self, surprise: Tensor) -> Single:
        """See `Candidates.by_zipf`."""
        return self

    def surprise(self, symbols: Tensor) -> Tensor:
        """See `Candidates.surprise`: there is no choice."""
        return torch.zeros(symbols.shape, device=symbols.device)

    def draw(self, generator: Randomness = None) -> tuple[Tensor, Tensor]:
        """See `Candidates.draw`."""
        return self.symbols, self.surprise(self.symbols)
