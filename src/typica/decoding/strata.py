"""Candidates that are too many to list: mixtures over tens of thousands of levels.

Every strategy that can be had keeps the values whose surprisal lies in an interval: up to a
quantile for the nucleus, around the entropy for locally typical sampling, up to a threshold for the
others. The distribution of the surprisal, and with it bounds, entropy and the probability of what
is kept, is told by points in the middle of strata of equal probability, `STRATA` to each component.
Whether a value lies within its interval is decided exactly, and drawing is by rejection: what is
drawn follows the distribution within the interval exactly. The bounds are as exact as the strata
are fine: what is kept holds the share that was asked for to within .01, and so does the probability
that draws are told to have. Where a few levels hold nearly everything, whole levels are kept, as of
listed values. Rows of which less than `LISTED_BELOW` is left are listed after all, which is exact
and takes a hundred times as long.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol, Self, cast, runtime_checkable

import torch
from torch import Tensor
from torch.distributions import Distribution

from typica.core.errors import ConfigError
from typica.core.randomness import Randomness, draw
from typica.core.temperature import most_likely, tempered
from typica.decoding.candidates import Candidates
from typica.decoding.filters import (
    ROUNDING,
    check_rows,
    check_share,
    check_threshold,
    log_of,
)
from typica.decoding.listed import Listed
from typica.decoding.single import Single

STRATA = 256  # of each component
LISTED_BELOW = 0.05  # of the probability
REACH = 16  # levels on either side: how finely the most likely one is looked for; and its square
ROWS = 16  # that are listed at a time: their levels fit a processor's cache


@runtime_checkable
class Stratified(Protocol):
    """A distribution over levels whose components can be cut into parts of equal probability."""

    def strata(self, count: int) -> tuple[Tensor, Tensor]:
        """Return the value in the middle of each part, and the log-probability of the part.

        Both have shape (parts,) + batch shape. The last two parts are the outermost levels, whose
        tails may make them the likeliest by far: theirs is the exact log-probability.
        """

    def pick(self, rows: Tensor) -> Self:
        """Return rows of the first axis of the batch."""


@dataclass(frozen=True)
class Interval:
    """Values of which a distribution says that they are so surprising.

    Attributes:
        distribution: What is asked.
        least: Smallest surprisal, of batch shape, in nats.
        most: Largest.
    """

    distribution: Distribution
    least: Tensor
    most: Tensor

    def holds(self, values: Tensor) -> Tensor:
        """Tell which values (..., batch shape) lie within."""
        surprisal = -self.distribution.log_prob(values)
        return (surprisal >= self.least - ROUNDING) & (surprisal <= self.most + ROUNDING)

    def pick(self, rows: Tensor) -> Interval:
        """Return it for some rows."""
        picked = cast(Stratified, self.distribution).pick(rows)
        return Interval(cast(Distribution, picked), self.least[rows], self.most[rows])


@dataclass(frozen=True)
class Strata(Candidates):
    """Levels of a distribution whose surprisals lie in intervals.

    Attributes:
        distribution: What is drawn from.
        intervals: Where a value must lie; of a distribution before a temperature perhaps.
        likeliest: The most likely level before the last interval, of batch shape.
    """

    distribution: Distribution
    intervals: tuple[Interval, ...] = ()
    likeliest: Tensor | None = None

    kind = "so many levels"

    def tempered(self, temperature: float) -> Candidates:
        """See `Candidates.tempered`: what temperature means for the whole distribution."""
        if temperature == 0:
            if self.intervals:
                raise ConfigError("temperature 0 of so many levels must come before all else")
            return Single(most_likely(self.distribution))
        return replace(self, distribution=tempered(self.distribution, temperature))

    def nucleus(self, share: float) -> Strata:
        """See `Candidates.nucleus`."""
        check_share("nucleus", share)
        most = self._quantile(self._surprisals, share)
        alone = self._lowest <= ROUNDING - math.log(share)  # the most likely level holds it
        return self._up_to(self._lowest.where(alone, most))

    def typical(self, share: float) -> Strata:
        """See `Candidates.typical`."""
        check_share("typical", share)
        off = self._quantile((self._surprisals - self._entropy).abs(), share)
        return self._within(self._entropy - off, self._entropy + off)

    def min_p(self, ratio: float) -> Strata:
        """See `Candidates.min_p`."""
        check_threshold("min-p", ratio)
        return self._up_to(self._lowest - log_of(ratio))

    def epsilon(self, least: float) -> Strata:
        """See `Candidates.epsilon`; probabilities are those of single levels."""
        check_threshold("epsilon", least)
        return self._up_to(torch.full_like(self._lowest, -log_of(least)))

    def eta(self, least: float) -> Strata:
        """See `Candidates.eta`; probabilities are those of single levels."""
        check_threshold("eta", least)
        return self._up_to((self._entropy - 0.5 * log_of(least)).clamp_min(-log_of(least)))

    def surprise_at_most(self, most: Tensor) -> Strata:
        """See `Candidates.surprise_at_most`."""
        return self._up_to(most.to(self._lowest))

    def surprise(self, symbols: Tensor) -> Tensor:
        """See `Candidates.surprise`."""
        return self._log_mass - self.distribution.log_prob(symbols)

    def draw(self, generator: Randomness = None) -> tuple[Tensor, Tensor]:
        """See `Candidates.draw`: draws again what does not lie within, row by row."""
        symbols = draw(self.distribution, generator)
        log_draw = -self.surprise(symbols)
        few = (self._log_mass < math.log(LISTED_BELOW)).flatten(1).any(1)
        for rows in few.nonzero()[:, 0].split(ROWS):
            listed = self._pick(rows)._listed()
            symbols[rows], log_draw[rows] = listed.draw(_of_rows(generator, rows))
        while True:
            rows = (~self._hold(symbols).flatten(1).all(1) & ~few).nonzero()[:, 0]
            if not len(rows):
                return symbols, log_draw
            rest = self._pick(rows)
            symbols[rows] = draw(rest.distribution, _of_rows(generator, rows))
            log_draw[rows] = -rest.surprise(symbols[rows])

    def _listed(self) -> Listed:
        """List what may be drawn."""
        values = self.distribution.enumerate_support(expand=False)
        return Listed.of(self.distribution).keep(self._hold(values).movedim(0, -1))

    @cached_property
    def _points(self) -> tuple[Tensor, Tensor]:
        """Values in the middle of strata, and log-probabilities of the strata within."""
        values, log_prob = cast(Stratified, self.distribution).strata(STRATA)
        check_rows(log_prob.movedim(0, -1))
        return values, log_prob.masked_fill(~self._hold(values), -math.inf)

    @cached_property
    def _log_mass(self) -> Tensor:
        """Log of the probability of what may be drawn, of batch shape."""
        if not self.intervals:
            return self.distribution.log_prob(self._points[0][0]) * 0
        log_mass = self._points[1].logsumexp(0)
        if self.likeliest is not None:  # what is kept may lie between the points, around it
            log_mass = torch.maximum(log_mass, self._highest(self.likeliest[None])[1])
        if not bool(log_mass.isfinite().all()):
            raise ConfigError(
                "nothing that may be drawn is left at this temperature: put temperature first"
            )
        return log_mass

    @cached_property
    def _surprisals(self) -> Tensor:
        """Of the points, normalised; infinite where they may not be drawn."""
        values, log_prob = self._points
        surprisal = self._log_mass - self.distribution.log_prob(values)
        return surprisal.masked_fill(log_prob == -math.inf, math.inf)

    @cached_property
    def _weights(self) -> Tensor:
        return (self._points[1] - self._log_mass).exp()

    @cached_property
    def _entropy(self) -> Tensor:
        return (self._weights * self._surprisals.nan_to_num(posinf=0.0)).sum(0)

    @cached_property
    def _lowest(self) -> Tensor:
        """Surprisal of the most likely level, normalised."""
        return self._log_mass - self._best

    @property
    def _best(self) -> Tensor:
        """Log-probability of the most likely level within."""
        return self._summit[1]

    @cached_property
    def _summit(self) -> tuple[Tensor, Tensor]:
        """The most likely level within and its log-probability: points miss it by some levels."""
        points = self._points[0]
        known = [] if self.likeliest is None else [self.likeliest[None]]
        level, best = self._highest(torch.cat([points, *known]))
        near = torch.arange(-REACH, REACH + 1, device=level.device)
        near = near.view(-1, *(1 for _ in level.shape))
        for spacing in (REACH, 1):
            around = (level + spacing * near).clamp(points[-2], points[-1])
            level, best = self._highest(around)
        return level, best

    def _highest(self, levels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the most likely of levels (..., batch shape) that may be drawn."""
        log_prob = self.distribution.log_prob(levels).masked_fill(~self._hold(levels), -math.inf)
        best, index = log_prob.max(0)
        return levels.gather(0, index[None])[0], best

    def _quantile(self, of: Tensor, share: float) -> Tensor:
        """Return the smallest number up to which points hold a share of what may be drawn."""
        ordered, index = of.sort(0)
        reached = self._weights.gather(0, index).double().cumsum(0) >= share - ROUNDING
        reached[-1] = True
        return ordered.gather(0, reached.long().argmax(0, keepdim=True))[0]

    def _up_to(self, most: Tensor) -> Strata:
        # The most likely stays, whatever is asked for.
        most = torch.maximum(most - self._log_mass, -self._best)
        return self._keep(torch.full_like(most, -math.inf), most)

    def _within(self, least: Tensor, most: Tensor) -> Strata:
        """Keep an interval, given by normalised surprisals."""
        return self._keep(least - self._log_mass, most - self._log_mass)

    def _keep(self, least: Tensor, most: Tensor) -> Strata:
        interval = Interval(self.distribution, least, most)
        return Strata(self.distribution, (*self.intervals, interval), self._summit[0])

    def _hold(self, values: Tensor) -> Tensor:
        inside = torch.ones((), dtype=torch.bool, device=values.device)
        for interval in self.intervals:
            inside = inside & interval.holds(values)
        return inside.expand(torch.broadcast_shapes(inside.shape, values.shape))

    def _pick(self, rows: Tensor) -> Strata:
        picked = cast(Stratified, self.distribution).pick(rows)
        intervals = tuple(interval.pick(rows) for interval in self.intervals)
        likeliest = None if self.likeliest is None else self.likeliest[rows]
        return Strata(cast(Distribution, picked), intervals, likeliest)


def _of_rows(generator: Randomness, rows: Tensor) -> Randomness:
    """Return the generators of some rows."""
    if generator is None or isinstance(generator, torch.Generator):
        return generator
    return [generator[row] for row in rows.tolist()]
