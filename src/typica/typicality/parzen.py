"""Parzen windows: a density made of one Gaussian around each sample.

In many dimensions it is far from the truth for any number of samples, and its ranking of models can
be wrong: centroids, which are no samples at all, win over samples of the true distribution.

Source: Theis et al., 2016, https://arxiv.org/abs/1511.01844, section 3.3.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from typica.core.errors import ConfigError, ShapeError

_AT_ONCE = 2**22  # distances, 32 MB


class Parzen(Distribution):
    """The mean of isotropic Gaussians around centres.

    Args:
        centres: Shape (centres, dimensions).
        bandwidth: Standard deviation of each Gaussian.

    Raises:
        ShapeError: The centres are no matrix.
        ConfigError: The bandwidth is not positive.
    """

    arg_constraints: dict[str, constraints.Constraint] = {}
    support = constraints.real_vector

    def __init__(self, centres: Tensor, bandwidth: float) -> None:
        if centres.ndim != 2 or not centres.numel():
            raise ShapeError(f"centres must be (centres, dimensions), got {tuple(centres.shape)}")
        if not bandwidth > 0:
            raise ConfigError(f"a bandwidth is above 0: got {bandwidth}")
        self.centres, self.bandwidth = centres.double(), float(bandwidth)
        super().__init__(event_shape=centres.shape[1:], validate_args=False)

    @classmethod
    def fit(cls, centres: Tensor, validation: Tensor, bandwidths: Iterable[float]) -> Parzen:
        """Choose the bandwidth under which validation data (n, dimensions) are likeliest."""
        widths = list(bandwidths)
        if not widths or min(widths) <= 0:
            raise ConfigError(f"choose among bandwidths above 0: got {widths}")
        means = _log_probs(centres.double(), validation.double(), widths).mean(1)
        return cls(centres, widths[int(means.argmax())])

    def log_prob(self, value: Tensor) -> Tensor:
        """Return nats of points (..., dimensions), shape (...,)."""
        rows = value.double().reshape(-1, self.centres.shape[1])
        return _log_probs(self.centres, rows, [self.bandwidth])[0].view(value.shape[:-1])

    def draw(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw points, shape (count, dimensions)."""
        chosen = torch.randint(len(self.centres), (count,), generator=generator)
        noise = torch.empty_like(self.centres[chosen]).normal_(generator=generator)
        return self.centres[chosen] + self.bandwidth * noise


def _log_probs(centres: Tensor, points: Tensor, bandwidths: Sequence[float]) -> Tensor:
    """Return nats of points under each bandwidth, shape (bandwidths, points)."""
    count, dimensions = centres.shape
    blocks = []
    for block in points.split(max(1, _AT_ONCE // count)):
        # The subtraction under the square root can round to just below nothing.
        squares = (block**2).sum(1)[:, None] + (centres**2).sum(1) - 2 * block @ centres.T
        squares = squares.clamp_min(0)
        blocks.append(
            torch.stack([(squares / (-2 * width**2)).logsumexp(1) for width in bandwidths])
        )
    widths = torch.tensor(bandwidths, dtype=torch.float64)[:, None]
    constant = -math.log(count) - dimensions * (0.5 * math.log(2 * math.pi) + widths.log())
    return torch.cat(blocks, 1) + constant
