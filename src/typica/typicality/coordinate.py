"""The density of one coordinate of the Gaussian mirage, by a quadrature exact to rounding.

f(x) = Gamma(a + 1/2) / (pi sqrt(2K)) exp(-z) U(a, 1, z), with a = (K - 1) / 2, z = x^2 / (2K) and
Tricomi's function: Gamma(a) U(a, 1, z) = integral over t > 0 of exp(-z t) (t / (1 + t))^a / t.
With t = exp(y) the integrand is analytic beside the real line and dies out at both ends, so that
the trapezoidal rule converges exponentially. K = 3 has a closed form, an exponential integral.

Source of the integral: NIST digital library of mathematical functions, 13.4.4; of the rule:
Trefethen and Weideman 2014, "The exponentially convergent trapezoidal rule".
"""

from __future__ import annotations

import math

import torch
from scipy.special import digamma
from torch import Tensor

from typica.typicality.stirling import half_step

NODES = 640  # steps of at most 0.25 for the widest integrand, that of K = 2 near 0
DROP = 45.0  # nats below its peak at which an integrand counts as nothing
NEAR_ZERO = 1e-13  # of a z: below, U is its leading term to rounding
FAR = 1e300  # of z: at infinity the density is 0 by its other factor
EULER = 0.5772156649015329
BLOCK = 4096  # values of x at a time: 20 MB for each array of the quadrature


def coordinate_log_density(x: Tensor, K: int) -> Tensor:
    """Return log f at x of any shape, float64, differentiable; infinite at 0 if K > 1."""
    if K == 1:
        return -(x.square() + math.log(2 * math.pi)) / 2
    a, z = (K - 1) / 2, (x / math.sqrt(2 * K)).square()
    constant = float(half_step(a)) + math.log(a / (2 * K)) / 2 - math.log(math.pi)
    blocks = [_log_tricomi(part, a) for part in z.reshape(-1).split(BLOCK)]
    return constant - z + torch.cat(blocks).reshape(x.shape)


def _log_tricomi(z: Tensor, a: float) -> Tensor:
    """Return log(Gamma(a) U(a, 1, z)) of z (count,) >= 0, infinite at 0."""
    z = z.clamp_max(FAR)
    small = a * z < NEAR_ZERO
    # A branch that is not taken gets numbers which do no harm to the derivative.
    leading = -(torch.where(small, z, NEAR_ZERO / a).log() + float(digamma(a)) + 2 * EULER)
    return torch.where(small, leading.log(), _quadrature(torch.where(small, 1.0, z), a))


def _quadrature(z: Tensor, a: float) -> Tensor:
    """Return the log of the integral over all y of exp(exponent), for z (count,) > 0."""
    with torch.no_grad():
        low, high = _ends(z, a)
        y = torch.lerp(low[:, None], high[:, None], torch.linspace(0, 1, NODES, dtype=z.dtype))
    step = (high - low) / (NODES - 1)
    return _exponent(y, z[:, None], a).logsumexp(-1) + step.log()


def _exponent(y: Tensor, z: Tensor, a: float) -> Tensor:
    """Return log of exp(-z t) (t / (1 + t))^a at t = exp(y): concave in y."""
    return -z * y.exp() - a * torch.nn.functional.softplus(-y)


def _ends(z: Tensor, a: float) -> tuple[Tensor, Tensor]:
    """Return the y, each (count,), at which the exponent is `DROP` below its peak."""
    ratio = a / z
    peak = (2 * ratio / (1 + (1 + 4 * ratio).sqrt())).log()
    level = _exponent(peak, z, a) - DROP
    # Either factor alone is small enough there: bounds, from which bisection goes on.
    fall = -level / a
    low, high = -fall - (-(-fall).exp()).log1p(), (-level / z).log()
    return _bisect(peak, low, level, z, a), _bisect(peak, high, level, z, a)


def _bisect(inside: Tensor, outside: Tensor, level: Tensor, z: Tensor, a: float) -> Tensor:
    for _ in range(30):
        middle = (inside + outside) / 2
        within = _exponent(middle, z, a) > level
        inside, outside = torch.where(within, middle, inside), torch.where(within, outside, middle)
    return outside
