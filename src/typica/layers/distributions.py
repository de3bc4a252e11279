"""Output distributions that torch lacks."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Categorical, Distribution, Normal, constraints

from typica.core.randomness import Randomness, draw, draw_index, normals_like, uniforms_like
from typica.core.temperature import tempered


class Levels(Categorical):
    """A categorical given by log-probabilities that are normalised already.

    Torch's own normalises again, by a log-sum-exp and a difference whose gradients pass over all
    the levels several times: a tenth of a WaveNet's training step.

    Args:
        log_probs: Log-probabilities, shape (..., levels), as `log_softmax` gives them.
    """

    def __init__(self, log_probs: Tensor) -> None:
        self.logits = self._param = log_probs
        self._num_events = log_probs.shape[-1]
        Distribution.__init__(self, log_probs.shape[:-1], validate_args=False)


class Amplitude(Normal):
    """A Gaussian over amplitudes, whose draws are clipped to [-1, 1] before they are read again.

    Its density has no upper bound: of silence it is only limited by the smallest scale.

    Args:
        mean: Any shape.
        scale: Of the same shape.
    """

    def __init__(self, mean: Tensor, scale: Tensor) -> None:
        super().__init__(mean, scale, validate_args=False)

    def draw(self, generator: Randomness = None) -> Tensor:
        """Draw amplitudes in [-1, 1]."""
        noise = normals_like(self.loc, generator)
        return self.clip(torch.addcmul(self.loc, self.scale, noise))

    def clip(self, values: Tensor) -> Tensor:
        """Return amplitudes as they are read again."""
        return values.clamp(-1, 1)

    def tempered(self, temperature: float) -> Amplitude:
        """Return it at a temperature, which is on the variance; draws are clipped as before."""
        return Amplitude(self.loc, self.scale * temperature**0.5)


class Refined(Distribution):
    """Levels of which the most significant bits are known: a distribution over the others.

    Args:
        last: Over the least significant bits.
        first: The most significant ones, of its batch shape, int64.
        bits: Number of the others.
    """

    arg_constraints: dict[str, constraints.Constraint] = {}
    has_enumerate_support = True

    def __init__(self, last: Distribution, first: Tensor, bits: int) -> None:
        super().__init__(last.batch_shape, validate_args=False)
        self.last, self.first, self.bits = last, first, bits

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-probability of levels, in nats; -inf where the first bits are others."""
        value = value.long()
        last = self.last.log_prob(value & ((1 << self.bits) - 1))
        return last.where(value >> self.bits == self.first, -math.inf)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """Return the levels that there may be, (2 ** bits,) + batch shape."""
        last = torch.arange(1 << self.bits, device=self.first.device)
        return self._whole(last.view(-1, *(1 for _ in self.batch_shape)))

    def draw(self, generator: Randomness = None) -> Tensor:
        """Draw levels, int64."""
        return self._whole(draw(self.last, generator))

    def tempered(self, temperature: float) -> Refined:
        """Return it at a temperature, which is on the last bits."""
        return Refined(tempered(self.last, temperature), self.first, self.bits)

    def _whole(self, last: Tensor) -> Tensor:
        return (self.first << self.bits) + last


class DiscretisedLogisticMixture(Distribution):
    """A mixture of logistics, its mass collected in levels.

    Level `q` of `levels` stands at `2 q / (levels - 1) - 1`, and collects what falls nearest
    to it; the outermost levels collect the tails, so that the masses add up to one exactly.

    Source: Salimans et al., 2017, https://arxiv.org/abs/1701.05517, equation 2. The mass of a
    bin is factorised as sigmoid(b) sigmoid(-a) (1 - exp(a - b)), which holds its digits
    everywhere, so that no threshold decides between two formulae.

    Args:
        logits: Unnormalised log-weights, shape (..., components).
        mean: Centres on the scale where levels span [-1, 1], of the same shape.
        log_scale: Logarithms of the scales, of the same shape.
        levels: Number of levels.
    """

    arg_constraints: dict[str, constraints.Constraint] = {}
    has_enumerate_support = True

    def __init__(self, logits: Tensor, mean: Tensor, log_scale: Tensor, levels: int) -> None:
        super().__init__(logits.shape[:-1], validate_args=False)
        self.logits, self.mean_, self.log_scale, self.levels = logits, mean, log_scale, levels

    @property
    def support(self) -> constraints.Constraint:
        """Levels from 0."""
        return constraints.integer_interval(0, self.levels - 1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """Return all levels, shape (levels,) + batch shape, or ones in its place."""
        ones = (1,) * len(self.batch_shape)
        values = torch.arange(self.levels, device=self.logits.device).view(-1, *ones)
        return values.expand(-1, *self.batch_shape) if expand else values

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-mass of levels, of batch shape, in nats."""
        half = 1 / (self.levels - 1)
        inverse = (-self.log_scale).exp()
        # Neighbours compute their common edge alike, to the last bit, or masses do not add up.
        doubled = 2 * value.to(self.logits.dtype)[..., None]
        upper, lower = (doubled + 1) * half - 1, (doubled - 1) * half - 1
        below = F.logsigmoid((upper - self.mean_) * inverse)  # log of the mass under the upper edge
        above = F.logsigmoid((self.mean_ - lower) * inverse)  # log of the mass over the lower edge
        width = torch.log(-torch.expm1(-2 * half * inverse))
        inner = below + above + width
        value = value[..., None]
        outer = torch.where(value == 0, below, above)
        is_edge = (value == 0) | (value == self.levels - 1)
        masses = torch.where(is_edge, outer, inner)
        return torch.logsumexp(masses + self.logits.log_softmax(-1), -1)

    def draw(self, generator: Randomness = None) -> Tensor:
        """Draw a component, then a logistic, then the level nearest to it; int64."""
        chosen = draw_index(self.logits, generator)[..., None]
        mean = self.mean_.gather(-1, chosen)[..., 0]
        scale = self.log_scale.gather(-1, chosen)[..., 0].exp()
        uniform = uniforms_like(mean, generator, least=torch.finfo(mean.dtype).tiny)
        amplitude = mean + scale * (uniform.log() - torch.log1p(-uniform.clamp_max(1 - 1e-7)))
        return self._level(amplitude)

    def _level(self, amplitude: Tensor) -> Tensor:
        return ((amplitude.clamp(-1, 1) + 1) / 2 * (self.levels - 1)).round().long()

    def tempered(self, temperature: float) -> DiscretisedLogisticMixture:
        """Return it at a temperature: on the choice of component, and on the scale of each.

        A logistic to the power 1 / T has the tails of one with T times the scale.
        """
        logits = self.logits.log_softmax(-1) / temperature
        log_scale = self.log_scale + math.log(temperature)
        return DiscretisedLogisticMixture(logits, self.mean_, log_scale, self.levels)

    def strata(self, count: int) -> tuple[Tensor, Tensor]:
        """Cut each component into `count` parts of equal probability, and tails off.

        Returns:
            The level in the middle of each part, and the log-probability of the part, in nats; both
            of shape (components * count + 2,) + batch shape. The last two are levels 0 and
            `levels` - 1, whose log-probability is exact; parts in the middle of which they stand
            have none, and the others together what these two leave.
        """
        below = (torch.arange(count, device=self.logits.device) + 0.5) / count
        noise = below.log() - torch.log1p(-below)
        amplitude = self.mean_[..., None] + self.log_scale.exp()[..., None] * noise
        log_prob = (self.logits.log_softmax(-1) - math.log(count))[..., None].expand_as(amplitude)
        level = self._level(amplitude).flatten(-2).movedim(-1, 0)
        log_prob = log_prob.flatten(-2).movedim(-1, 0)
        ends = torch.tensor([0, self.levels - 1], device=level.device)
        ends = ends.view(-1, *(1 for _ in self.batch_shape)).expand(-1, *self.batch_shape)
        at_ends = self.log_prob(ends)
        log_prob = log_prob.masked_fill((level == 0) | (level == self.levels - 1), -math.inf)
        rest = (1 - at_ends.exp().sum(0)).clamp_min(0).log()
        inner = log_prob + (rest - log_prob.logsumexp(0)).where(rest > -math.inf, -math.inf)
        inner = inner.where(log_prob > -math.inf, -math.inf)
        return torch.cat([level, ends]), torch.cat([inner, at_ends])

    def pick(self, rows: Tensor) -> DiscretisedLogisticMixture:
        """Return rows of the first axis of the batch."""
        logits, mean, log_scale = (part[rows] for part in (self.logits, self.mean_, self.log_scale))
        return DiscretisedLogisticMixture(logits, mean, log_scale, self.levels)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draw from torch's own stream of randomness, shape `sample_shape` + batch shape."""
        shape = torch.Size(sample_shape)
        count = math.prod(shape)
        drawn = torch.stack([self.draw() for _ in range(count)])
        return drawn.view(shape + self.batch_shape)
