"""Gaussians as candidates: every strategy leaves an annulus, in closed form.

With z the distance from the mean in standard deviations, the surprisal is z^2 / 2 and a constant
that no strategy depends on. So whatever keeps the likely, or the typical, keeps least <= |z| <=
most: the central interval for the nucleus, the values of |z^2 - E z^2| <= c that hold the share for
locally typical sampling, z^2 <= -2 ln(ratio) for min-p. Bounds are numbers, the same for every row
and step.

Top-k, epsilon, eta and mirostat count values or compare probabilities of single ones: densities
have neither, and would change with the unit that amplitudes are measured in. They are refused.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from statistics import NormalDist
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.distributions import Normal

from typica.core.errors import ConfigError
from typica.core.randomness import Randomness, draw, uniforms_like
from typica.core.temperature import most_likely, tempered
from typica.decoding.candidates import Candidates
from typica.decoding.filters import check_share, check_threshold, log_of
from typica.decoding.single import Single

HALVINGS = 80  # of an interval of bounds: to the last digit of float64
NEAR = 1.0  # standard deviations: from there on tails tell more exactly what lies between
FARTHEST = 40.0  # standard deviations: beyond them float64 has no probability left


@runtime_checkable
class Clipped(Protocol):
    """A distribution whose draws are clipped before they are read again."""

    def clip(self, values: Tensor) -> Tensor:
        """Return values as they are read."""


@dataclass(frozen=True)
class Annulus:
    """Distances from the mean of a standard normal that may be drawn.

    Attributes:
        least: Shortest, in standard deviations.
        most: Longest; infinity for all.
    """

    least: float = 0.0
    most: float = math.inf

    @property
    def mass(self) -> float:
        """Probability of it."""
        # Each sees the digits where the other has rounded to 1.
        if self.least < NEAR:
            return _within(self.most) - _within(self.least)
        return _beyond(self.least) - _beyond(self.most)

    @property
    def mean_square(self) -> float:
        """E z^2 for those inside: twice their expected surprisal, but for a constant."""
        edges = [_edge(self.least), _edge(self.most)]
        return 1 + 2 * (edges[0] - edges[1]) / self.mass


@dataclass(frozen=True)
class Gaussian(Candidates):
    """Amplitudes of a normal distribution within an annulus.

    Attributes:
        distribution: The whole.
        annulus: What of it may be drawn.
    """

    distribution: Normal
    annulus: Annulus = Annulus()

    kind = "a density"

    def __post_init__(self) -> None:
        if not self.annulus.mass > 0:
            raise ConfigError(
                "this strategy leaves so little of a density that nothing can be drawn: ask for "
                "larger shares, or put temperature first"
            )

    def tempered(self, temperature: float) -> Candidates:
        """See `Candidates.tempered`."""
        if temperature == 0:
            if self.annulus != Annulus():
                raise ConfigError("temperature 0 of a density must come before all else")
            return Single(most_likely(self.distribution))
        narrowed = tempered(self.distribution, temperature)
        assert isinstance(narrowed, Normal)
        by = temperature**0.5  # distances stay what they are, and deviations shrink
        return Gaussian(narrowed, Annulus(self.annulus.least / by, self.annulus.most / by))

    def nucleus(self, share: float) -> Gaussian:
        """See `Candidates.nucleus`: a central interval, or the inner part of an annulus."""
        check_share("nucleus", share)
        return self._keep(nucleus_of(self.annulus, share))

    def typical(self, share: float) -> Gaussian:
        """See `Candidates.typical`: an annulus around the one of the expected surprisal."""
        check_share("typical", share)
        return self._keep(typical_of(self.annulus, share))

    def min_p(self, ratio: float) -> Gaussian:
        """See `Candidates.min_p`: z^2 <= -2 ln(ratio), where the mean itself may be drawn."""
        check_threshold("min-p", ratio)
        if ratio == 1:
            raise ConfigError("min-p of a density must be below 1: no other value is as likely")
        most = math.sqrt(self.annulus.least**2 - 2 * log_of(ratio))
        return self._keep(Annulus(self.annulus.least, min(self.annulus.most, most)))

    def surprise(self, symbols: Tensor) -> Tensor:
        """See `Candidates.surprise`: minus the log-density, in nats."""
        return math.log(self.annulus.mass) - self.distribution.log_prob(symbols)

    def draw(self, generator: Randomness = None) -> tuple[Tensor, Tensor]:
        """See `Candidates.draw`; what is clipped keeps the density of what it was clipped to."""
        if self.annulus == Annulus():
            symbols = draw(self.distribution, generator)
        else:
            symbols = self._draw(generator)
        return symbols, -self.surprise(symbols)

    def _draw(self, generator: Randomness) -> Tensor:
        """Draw by the inverse of the distribution function of |z|, and a sign."""
        loc = self.distribution.loc
        wide = loc if loc.device.type == "mps" else loc.double()
        # One number a row tells both: its sign, and where it lies between 0 and 1.
        uniform = 2 * uniforms_like(wide, generator) - 1
        reach = self._reach(uniform.abs())
        reach = reach.clamp(self.annulus.least, min(self.annulus.most, FARTHEST))
        symbols = loc + self.distribution.scale * reach.copysign(uniform).to(loc.dtype)
        given = self.distribution
        return given.clip(symbols) if isinstance(given, Clipped) else symbols

    def _reach(self, share: Tensor) -> Tensor:
        """Return the distance within which a share of what may be drawn lies."""
        least, most = self.annulus.least, self.annulus.most
        if least < NEAR:
            inner, outer = _within(least), _within(most)
            return torch.erfinv(inner + share * (outer - inner)) * math.sqrt(2)
        inner, outer = _beyond(least), _beyond(most)
        return -torch.special.ndtri((inner + share * (outer - inner)) / 2)

    def _keep(self, annulus: Annulus) -> Gaussian:
        return replace(self, annulus=annulus)


@lru_cache(maxsize=256)
def nucleus_of(annulus: Annulus, share: float) -> Annulus:
    """Return the innermost part of an annulus that holds a share of it."""
    if share == 1:
        return annulus
    left = (1 - share) * _beyond(annulus.least) + share * _beyond(annulus.most)
    if left == 0:  # so far out that float64 has no probability left
        return annulus
    return Annulus(annulus.least, min(annulus.most, -NormalDist().inv_cdf(left / 2)))


@lru_cache(maxsize=256)
def typical_of(annulus: Annulus, share: float) -> Annulus:
    """Return the part of an annulus where |z^2 - E z^2| <= c, for the c that holds a share."""
    if share == 1:
        return annulus
    centre, wanted = annulus.mean_square, share * annulus.mass
    low, high = 0.0, max(centre, min(annulus.most, FARTHEST) ** 2)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if _around(centre, middle, annulus).mass < wanted:
            low = middle
        else:
            high = middle
    return _around(centre, high, annulus)


def _around(centre: float, off: float, annulus: Annulus) -> Annulus:
    least, most = math.sqrt(max(0.0, centre - off)), math.sqrt(centre + off)
    return Annulus(max(least, annulus.least), min(most, annulus.most))


def _within(distance: float) -> float:
    """Return P(|z| <= distance)."""
    return math.erf(distance / math.sqrt(2))


def _beyond(distance: float) -> float:
    """Return P(|z| > distance), which keeps its digits far out."""
    return math.erfc(distance / math.sqrt(2))


def _edge(distance: float) -> float:
    """Return distance times the normal density there."""
    if distance > FARTHEST:
        return 0.0
    return distance * math.exp(-(distance**2) / 2) / math.sqrt(2 * math.pi)
