"""Candidates that can be listed: levels, tokens, mixtures over a few thousand levels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution

from typica.core.randomness import Randomness, draw, draw_index
from typica.core.temperature import tempered
from typica.decoding import filters
from typica.decoding.candidates import Candidates
from typica.decoding.single import Single
from typica.decoding.zipf import zipf_count


@dataclass(frozen=True)
class Listed(Candidates):
    """Values 0, 1, ... with a log-probability each.

    Attributes:
        source: The distribution that these are the values of. Temperature is what it means for
            the source, before and after a filter; as long as nothing was left out, the source
            draws as it always does, bit for bit.
        logits: Shape (count, 1, values), -inf for what may no longer be drawn.
        kept: What may be drawn, of that shape; None for all.
    """

    source: Distribution
    logits: Tensor
    kept: Tensor | None = None

    kind = "values that can be listed"

    @classmethod
    def of(cls, distribution: Distribution) -> Listed:
        """List a categorical, or a distribution whose support is 0, 1, ... and can be listed."""
        if isinstance(distribution, Categorical):
            return cls(distribution, distribution.logits)
        support = distribution.enumerate_support(expand=False)
        assert support.flatten().equal(torch.arange(len(support), device=support.device))
        return cls(distribution, distribution.log_prob(support).movedim(0, -1))

    @cached_property
    def log_probs(self) -> Tensor:
        """Normalised log-probabilities, (count, 1, values)."""
        return self.logits.log_softmax(-1)

    def tempered(self, temperature: float) -> Candidates:
        """See `Candidates.tempered`."""
        if temperature == 0:
            return Single(filters.top_k(self.log_probs, 1).int().argmax(-1))
        whole = Listed.of(tempered(self.source, temperature))
        return whole if self.kept is None else whole.keep(self.kept)

    def top_k(self, k: int) -> Listed:
        """See `Candidates.top_k`; with so many or more values than there are it changes nothing."""
        if k >= self.logits.shape[-1]:
            return self
        return self.keep(filters.top_k(self.log_probs, k))

    def nucleus(self, share: float) -> Listed:
        """See `Candidates.nucleus`."""
        return self.keep(filters.nucleus(self.log_probs, share))

    def typical(self, share: float) -> Listed:
        """See `Candidates.typical`."""
        return self.keep(filters.typical(self.log_probs, share))

    def epsilon(self, least: float) -> Listed:
        """See `Candidates.epsilon`."""
        return self.keep(filters.epsilon(self.log_probs, least))

    def eta(self, least: float) -> Listed:
        """See `Candidates.eta`."""
        return self.keep(filters.eta(self.log_probs, least))

    def min_p(self, ratio: float) -> Listed:
        """See `Candidates.min_p`."""
        return self.keep(filters.min_p(self.log_probs, ratio))

    def surprise_at_most(self, most: Tensor) -> Listed:
        """See `Candidates.surprise_at_most`."""
        return self.keep(filters.surprise_at_most(self.log_probs, most))

    def by_zipf(self, surprise: Tensor) -> Listed:
        """See `Candidates.by_zipf`."""
        ranks = zipf_count(self.log_probs, surprise)[..., None]
        order = self.log_probs.sort(dim=-1, descending=True, stable=True).indices
        first = torch.arange(self.logits.shape[-1], device=ranks.device) < ranks
        kept = torch.zeros_like(order, dtype=torch.bool).scatter(-1, order, first)
        return self.keep(kept & (self.log_probs > -math.inf))

    def surprise(self, symbols: Tensor) -> Tensor:
        """See `Candidates.surprise`."""
        return -self.log_probs.gather(-1, symbols[..., None].long())[..., 0]

    def draw(self, generator: Randomness = None) -> tuple[Tensor, Tensor]:
        """See `Candidates.draw`."""
        if self.kept is None:
            symbols = draw(self.source, generator)
            return symbols, self.source.log_prob(symbols)
        symbols = draw_index(self.logits, generator)
        return symbols, -self.surprise(symbols)

    def keep(self, kept: Tensor) -> Listed:
        """Keep some values, given by a mask (count, 1, values)."""
        both = kept if self.kept is None else kept & self.kept
        # Not normalised again: of a row that loses nothing, no bit changes.
        return Listed(self.source, self.logits.masked_fill(~both, -math.inf), both)
