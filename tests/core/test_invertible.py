"""What holds of every invertible model, tried on maps whose densities are known."""

import math

import pytest
import torch
from torch.distributions import MultivariateNormal, Normal

from typica.core.config import Config
from typica.core.invertible import InvertibleModel, standard_normal


class Stub(InvertibleModel):
    base_measure = "density of the value"

    def __init__(self):
        super().__init__(Config())

    def sample(self, count, length, *, condition=None, generator=None):
        raise NotImplementedError


class Triangular(Stub):
    """A normal of any mean and covariance: z = L^-1 (x - m)."""

    def __init__(self, mean, factor):
        super().__init__()
        self.mean, self.factor = mean, factor

    def forward(self, x, condition=None):
        latents = torch.linalg.solve_triangular(self.factor, (x - self.mean).T, upper=False).T
        return latents, -self.factor.diagonal().log().sum().expand(len(x))

    def inverse(self, latents, condition=None):
        return latents @ self.factor.T + self.mean


class Uniform(Stub):
    """Uniform over [0, levels) in every dimension: z is the normal of the same quantile."""

    def __init__(self, levels):
        super().__init__()
        self.levels = levels

    def forward(self, x, condition=None):
        latents = torch.special.ndtri(x.double() / self.levels)
        slope = -math.log(self.levels) - Normal(0, 1).log_prob(latents)
        return latents, slope.sum(-1)

    def inverse(self, latents, condition=None):
        return self.levels * torch.special.ndtr(latents)

    def lift(self, x):
        return x + 0.5


@pytest.fixture
def normal():
    generator = torch.Generator().manual_seed(0)
    factor = torch.randn(3, 3, generator=generator, dtype=torch.float64).tril()
    factor.diagonal().abs_().add_(0.5)
    mean = torch.randn(3, generator=generator, dtype=torch.float64)
    return Triangular(mean, factor), MultivariateNormal(mean, scale_tril=factor)


def test_the_density_of_a_linear_map_is_the_normal(normal):
    model, exact = normal
    x = torch.randn(10, 3, dtype=torch.float64)

    torch.testing.assert_close(model.log_prob(x), exact.log_prob(x))
    torch.testing.assert_close(model.inverse(model(x)[0]), x)


def test_the_score_is_the_gradient_of_the_density(normal):
    model, exact = normal
    x = torch.randn(10, 3, dtype=torch.float64, requires_grad=True)

    (score,) = torch.autograd.grad(model.log_prob(x).sum(), x)

    expected = -torch.linalg.solve(exact.covariance_matrix, (x - model.mean).T).T
    torch.testing.assert_close(score, expected, atol=1e-8, rtol=0)


@pytest.mark.parametrize("levels", [2, 17, 256])
def test_a_uniform_model_pays_the_logarithm_of_the_levels(levels):
    x = torch.randint(levels, (6, 12))

    bits = -Uniform(levels).log_prob(x) / (12 * math.log(2))

    torch.testing.assert_close(bits, torch.full((6,), math.log2(levels)).double())


def test_standard_normals_are_summed_over_each_example():
    latents = torch.randn(4, 7)

    expected = Normal(0, 1).log_prob(latents.double()).sum(1)

    torch.testing.assert_close(standard_normal(latents), expected)
    assert standard_normal(latents).dtype == torch.float64
