"""What sequences cost, and the entropies of what they go on from, by samples of the model's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from typica.core.engine import Engine, EngineState
from typica.core.spread import spread
from typica.decoding.generation import count_symbols

ROWS = 1024  # sequences that are read side by side


class Score(NamedTuple):
    """What sequences cost, (sequences,) each, in nats and nats squared.

    Attributes:
        nll: Negative log-likelihood.
        entropy: Sum of the model's entropies before each symbol.
        variance: Sum of its varentropies likewise.
        length: Symbols of account, the final one among them.
    """

    nll: NDArray
    entropy: NDArray
    variance: NDArray
    length: NDArray

    @property
    def z(self) -> NDArray:
        """The martingale's score; 0 where the model was certain of every step and right."""
        excess = self.nll - self.entropy
        return np.where(self.variance > 0, excess / np.sqrt(np.maximum(self.variance, 1e-12)), 0)


@torch.no_grad()
def read(
    engine: Engine,
    state: EngineState,
    symbols: Tensor,
    source: Sequence[int] | NDArray,
    *,
    at_once: int = ROWS,
) -> Score:
    """Read sequences and tell what they cost, whichever way they were decoded.

    Args:
        engine: What reads them.
        state: Where they go on from.
        symbols: Shape (sequences, length), filled with the final symbol.
        source: Row of the state that each goes on from, (sequences,).
        at_once: Sequences that are read side by side.
    """
    parts = []
    for begin in range(0, len(symbols), at_once):
        some = symbols[begin : begin + at_once]
        rows = [int(row) for row in source[begin : begin + at_once]]
        distribution, _ = engine.follow(some, state.pick(rows))
        lengths, _ = count_symbols(some, engine.model.final)
        counts = torch.arange(some.shape[1], device=some.device) < lengths[:, None]
        columns = (-distribution.log_prob(some), *spread(distribution))
        nll, entropy, variance = (
            part.double().where(counts, 0.0).sum(1).cpu().numpy() for part in columns
        )
        parts.append(Score(nll, entropy, variance, lengths.cpu().numpy()))
    return Score(*(np.concatenate(column) for column in zip(*parts, strict=True)))


@dataclass(frozen=True)
class Levels:
    """The entropy of sequences from each row, by samples of the model's own.

    Attributes:
        entropy: In nats, (rows,); NaN where a row has fewer than two samples.
        length: Mean number of symbols, (rows,).
        own: d of each of the samples, without those of rows that have no other.
        samples: Cost and number of symbols of each sample, (samples, 2).
        row: Which row each of them is of, (samples,).
    """

    entropy: NDArray
    length: NDArray
    own: NDArray = field(repr=False)
    samples: NDArray = field(repr=False)
    row: NDArray = field(repr=False)

    @classmethod
    def of(cls, row: NDArray, scored: Score, count: int | None = None) -> Levels:
        """Estimate them from ancestral samples.

        Args:
            row: Which row each sample is of.
            scored: What the samples cost.
            count: Number of rows; the last that has a sample, if left out.
        """
        samples = np.stack([scored.nll, scored.length], 1).astype(float)
        return cls._of(row, samples, count or int(row.max()) + 1)

    @classmethod
    def _of(cls, row: NDArray, samples: NDArray, count: int) -> Levels:
        nll, length = samples.T
        counts = np.bincount(row, minlength=count).astype(float)
        several = np.where(counts > 1, counts, np.nan)
        entropy = np.bincount(row, nll, count) / several
        mean_length = np.bincount(row, length, count) / several
        # Each sample lies among the others, of which its own row's entropy is the mean.
        others = ((entropy * counts)[row] - nll) / (several[row] - 1)
        own = (nll - others) / mean_length[row]
        return cls(entropy, mean_length, own[~np.isnan(own)], samples, row)

    @property
    def known(self) -> NDArray:
        """Whether a row has an entropy, (rows,)."""
        return ~np.isnan(self.entropy)

    def d(self, row: NDArray, nll: NDArray) -> NDArray:
        """Return (nll - H) / L of sequences, L the mean length of the row's samples."""
        return (nll - self.entropy[row]) / self.length[row]

    def again(self, rng: np.random.Generator) -> Levels:
        """Return the levels of samples that were drawn again, with replacement, from each row."""
        order = np.argsort(self.row, kind="stable")
        counts = np.bincount(self.row, minlength=len(self.entropy))
        first = np.concatenate([[0], counts.cumsum()[:-1]])
        row = self.row[order]
        drawn = first[row] + (rng.random(len(row)) * counts[row]).astype(int)
        return self._of(row, self.samples[order[drawn]], len(self.entropy))
