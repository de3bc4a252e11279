"""Where a sequence lies among the model's own: how far from the entropy, and in which quantile.

Three coordinates, all of which grow with surprise and say "as usual" at their middle: nats a
symbol, (-log p - H) / n, and the martingale's z, both about 0; and the quantile, about 1/2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from typica.core.counts import check_whole
from typica.core.engine import Engine, EngineState
from typica.core.errors import ConfigError
from typica.core.randomness import Randomness
from typica.decoding.generation import Generation
from typica.decoding.sequences import batches, concatenated

Unit = Literal["nats", "z", "quantile"]

ROUNDING = 1e-5  # nats a symbol: what float32 may be off by
TIE = 1e-9  # nats: log-likelihoods that differ by less are equal but for rounding


@dataclass(frozen=True, eq=False)
class Reference:
    """The model's own sequences, as a measure for others.

    Attributes:
        surprisal: -log p of ancestral samples, in nats, in rising order, float64, (draws,).
        entropy: H, of whole sequences, in nats.
        symbols: Mean number n of symbols of a sequence.
    """

    surprisal: Tensor
    entropy: float
    symbols: float

    @property
    def entropy_error(self) -> float:
        """Standard error of the mean of `surprisal`: of the entropy, where that was estimated."""
        return float(self.surprisal.std() / len(self.surprisal) ** 0.5)


def own_samples(
    engine: Engine,
    state: EngineState,
    length: int,
    *,
    draws: int = 512,
    batch: int = 64,
    generator: Randomness = None,
) -> Reference:
    """Draw ancestrally to learn where sequences of this model lie.

    No strategy goes with it: the entropy is the mean of -log p under p alone.

    Args:
        engine: What takes the steps.
        state: Where to go on from, one row.
        length: Symbols of a sequence, at most.
        draws: Sequences to draw; the entropy is off by the root of 1 / draws standard deviations
            of the log-likelihood, and so are quantiles.
        batch: Sequences drawn side by side.
        generator: Where the randomness comes from: one, or one for each sequence.

    Raises:
        ConfigError: There are fewer than 2 draws, `batch` is below 1, or the state has several
            rows.
    """
    check_whole(draws=draws)
    if draws < 2:
        raise ConfigError(f"at least 2 sequences must be drawn to compare with, got {draws}")
    parts = batches(engine, state, length, draws=draws, batch=batch, generator=generator)
    own = concatenated(list(parts), engine.model.final)
    surprisal = (-own.log_prob).cpu().sort().values
    symbols = float(own.lengths.double().mean())
    return Reference(surprisal, float(surprisal.mean()), symbols)


def place(generation: Generation, unit: Unit, reference: Reference | None = None) -> Tensor:
    """Return the coordinate of each sequence, float64 on the CPU, (count,).

    Args:
        generation: Sequences, for "z" with entropies and varentropies.
        unit: "nats": (-log p - H) / n, the same n for all, so that a band of it is a band of
            likelihood. "z": the sum of s - h over the root of the sum of v, along each sequence;
            s is the surprisal of a symbol, h and v are entropy and varentropy before it. It needs
            no reference. "quantile": the share of the model's own samples that are more likely,
            half of those that are equally so among them.
        reference: The model's own samples; not needed for "z".

    Raises:
        ConfigError: What the unit needs is not there.
    """
    surprisal = -generation.log_prob.cpu()
    if unit == "z":
        return _z(surprisal, generation)
    if unit not in get_args(Unit):
        raise ConfigError(f"sequences are placed by {', '.join(get_args(Unit))}, not by {unit!r}")
    if reference is None:
        raise ConfigError(f"to place sequences by {unit} the model's own samples are needed")
    if unit == "nats":
        return (surprisal - reference.entropy) / reference.symbols
    below = torch.searchsorted(reference.surprisal, surprisal - TIE)
    not_above = torch.searchsorted(reference.surprisal, surprisal + TIE, right=True)
    return (below + not_above) / (2 * len(reference.surprisal))


def _z(surprisal: Tensor, generation: Generation) -> Tensor:
    if generation.entropies is None or generation.varentropies is None:
        raise ConfigError("to place sequences by z they must be drawn with spread=True")
    excess = surprisal - generation.entropies.cpu().double().sum(1)
    variance = generation.varentropies.cpu().double().sum(1)
    # Where all that may come is equally likely, both are nothing but rounding.
    rounding = (generation.lengths.cpu() * ROUNDING).double()
    return excess / (variance + rounding.square()).sqrt()
