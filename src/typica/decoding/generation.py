"""What was decoded, in one form for every way of decoding."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import torch
from torch import Tensor

Stop = Literal["ended", "pool", "bound", "length", "proven", "budget"]
"""Why a search stopped: every sequence came to its end; the pool of ended ones was full; nothing
that goes on could still be better; the greatest length was reached; the best was proven to be the
best; or as much work as allowed was done, and nothing is proven."""


@dataclass(frozen=True)
class Generation:
    """Sequences, and how likely they are; those of one source lie together, the best first.

    A source is a row of the state that was gone on from: a prompt, a condition.

    Attributes:
        symbols: Shape (count, length); behind a sequence's end they are the final symbol.
        lengths: Symbols of account, the final one among them, (count,).
        log_prob: Log-likelihood under the model, in nats, float64, (count,).
        log_draw: Log-probability under which it came to be here, in nats: 0 where nothing was left
            to chance (greedy, beam, exact search), else what importance weights are divided by.
        finished: Whether it came to its end, (count,).
        source: Row of the state that each goes on from, (count,).
        stopped: Why the search stopped, for each source.
        score: What they were ranked by, float64, (count,): `log_prob`, unless lengths were
            rewarded.
        entropies: Of the model's distribution before each symbol, in nats, (count, length), 0
            behind the end; None where they were not asked for.
        varentropies: Variances of -log p likewise, in nats squared, or None.
    """

    symbols: Tensor
    lengths: Tensor
    log_prob: Tensor
    log_draw: Tensor
    finished: Tensor
    source: Tensor
    stopped: tuple[Stop, ...]
    score: Tensor
    entropies: Tensor | None = None
    varentropies: Tensor | None = None

    def __len__(self) -> int:
        return len(self.symbols)

    def of(self, source: int) -> Generation:
        """Return the sequences of one source."""
        return self.pick((self.source == source).nonzero()[:, 0])

    def best(self) -> Generation:
        """Return the first of each source."""
        first = torch.ones_like(self.source, dtype=torch.bool)
        first[1:] = self.source[1:] != self.source[:-1]
        return self.pick(first.nonzero()[:, 0])

    def pick(self, rows: Tensor) -> Generation:
        """Return the sequences of these numbers."""
        columns = {one.name: getattr(self, one.name) for one in fields(self)}
        picked: dict[str, Any] = {
            name: one[rows] for name, one in columns.items() if isinstance(one, Tensor)
        }
        return replace(self, **picked)


def count_symbols(symbols: Tensor, final: int | None) -> tuple[Tensor, Tensor]:
    """Return how many symbols of (count, length) are of account, and whether the end is among them.

    Args:
        symbols: Levels or amplitudes.
        final: The symbol that ends a sequence, or None.
    """
    count, length = symbols.shape
    if final is None:
        whole = torch.full((count,), length, device=symbols.device)
        return whole, torch.zeros_like(whole, dtype=torch.bool)
    ends = symbols == final
    finished = ends.any(1)
    first = ends.long().argmax(1) + 1
    return first.where(finished, length), finished
