"""What holds of every model with latent variables, tried on a linear one whose sums are known."""

import math

import pytest
import torch
from torch import nn
from torch.distributions import Independent, MultivariateNormal, Normal

from typica.core.config import Config
from typica.core.latent import LatentVariableModel
from typica.core.randomness import seeded

SIZE, LATENTS = 5, 2


class Linear(LatentVariableModel):
    """x = W z + m + noise of one deviation; q(z | x) normal around a linear map of x."""

    base_measure = "density of the value"

    def __init__(self):
        super().__init__(Config())
        self.weight = nn.Parameter(0.3 * torch.randn(SIZE, LATENTS, generator=seeded(0)))
        self.mean = nn.Parameter(torch.zeros(SIZE))
        self.log_noise = nn.Parameter(torch.zeros(()))
        self.encoder = nn.Linear(SIZE, LATENTS)
        self.log_deviation = nn.Parameter(torch.zeros(LATENTS))
        self.double()

    @property
    def latent_size(self):
        return LATENTS

    def posterior(self, x, condition=None):
        mean = self.encoder(x)
        deviation = self.log_deviation.exp().expand_as(mean)
        return Independent(Normal(mean, deviation, validate_args=False), 1)

    def likelihood(self, x, latents, condition=None):
        centre = latents @ self.weight.T + self.mean
        return Normal(centre, self.log_noise.exp(), validate_args=False).log_prob(x).sum(-1)

    def sample(self, count, length, *, condition=None, generator=None):
        raise NotImplementedError

    def marginal(self, x):
        covariance = self.weight @ self.weight.T + (2 * self.log_noise).exp() * torch.eye(
            SIZE, dtype=torch.float64
        )
        return MultivariateNormal(self.mean, covariance).log_prob(x)


@pytest.fixture(scope="module")
def data():
    generator = seeded(1)
    mixing = torch.randn(SIZE, SIZE, generator=generator, dtype=torch.float64)
    return torch.randn(500, SIZE, generator=generator, dtype=torch.float64) @ mixing + 1


def principal(data):
    """Return the model of probabilistic PCA, whose latents are independent given the data.

    Tipping and Bishop, 1999, equations 6 to 8: the posterior has mean M^-1 W' (x - m) and
    covariance s^2 M^-1 with M = W' W + s^2 I, which is diagonal for this W.
    """
    values, vectors = torch.linalg.eigh(torch.cov(data.T, correction=0))
    noise = values[:-LATENTS].mean()
    model = Linear().requires_grad_(False)
    model.mean.copy_(data.mean(0))
    model.log_noise.copy_(noise.log() / 2)
    model.weight.copy_(vectors[:, -LATENTS:] * (values[-LATENTS:] - noise).sqrt())
    precision = model.weight.T @ model.weight + noise * torch.eye(LATENTS, dtype=torch.float64)
    model.encoder.weight.copy_(torch.linalg.solve(precision, model.weight.T))
    model.encoder.bias.copy_(-model.encoder.weight @ model.mean)
    model.log_deviation.copy_((noise / precision.diagonal()).log() / 2)
    return model


def bounds(model, data, draws, total=1 << 16):
    """Return the mean bound over the data, with `draws` draws behind each."""
    with torch.no_grad():
        drawn = model.weigh(data, model.posterior(data), total, generator=seeded(2))
    groups = drawn.weights.unflatten(0, (-1, draws))
    return float((groups.logsumexp(1) - math.log(draws)).mean())


def test_the_bound_is_the_density_where_the_posterior_is_exact(data):
    model = principal(data)

    exact = model.marginal(data)
    drawn = model.weigh(data, model.posterior(data), 3, generator=seeded(0))

    torch.testing.assert_close(model.log_prob(data), exact, atol=1e-9, rtol=0)
    torch.testing.assert_close(drawn.weights, exact.expand(3, -1), atol=1e-9, rtol=0)


def test_the_best_linear_model_is_probabilistic_pca(data):
    model, generator = Linear(), seeded(3)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.05)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 600)
    for _ in range(600):
        optimiser.zero_grad()
        drawn = model.weigh(data, model.posterior(data), 16, generator=generator)
        (-drawn.weights.mean()).backward()
        optimiser.step()
        decay.step()

    best = float(principal(data).marginal(data).mean())
    assert bounds(model, data, 1, total=4096) == pytest.approx(best, abs=1e-2)
    with torch.no_grad():
        assert float(model.marginal(data).mean()) == pytest.approx(best, abs=1e-2)


def test_more_draws_tighten_the_bound_and_never_pass_the_density(data):
    model = principal(data)
    model.log_deviation += 0.5  # a posterior that is too wide

    found = [bounds(model, data[:20], draws) for draws in (1, 4, 16, 64, 256)]

    exact = float(model.marginal(data[:20]).mean())
    assert found == sorted(found)
    assert found[0] < exact - 0.1
    assert found[-1] == pytest.approx(exact, abs=0.02)  # four standard errors


def test_the_bound_repeats_and_is_that_of_each_example(data):
    model = Linear().requires_grad_(False)

    together = model.log_prob(data[:7])

    assert together.shape == (7,)
    assert torch.equal(together, model.log_prob(data[:7]))
    torch.testing.assert_close(together[3:4], model.log_prob(data[3:4]))


def test_draws_are_weighed_by_what_torch_says(data):
    model = Linear().requires_grad_(False)
    posterior = model.posterior(data[:3])

    drawn = model.weigh(data[:3], posterior, 6, generator=seeded(0))

    noise = torch.empty(6, 1, LATENTS, dtype=torch.float64).normal_(generator=seeded(0))
    latents = posterior.mean + posterior.stddev * noise
    standard = MultivariateNormal(torch.zeros(LATENTS).double(), torch.eye(LATENTS).double())
    torch.testing.assert_close(drawn.prior, standard.log_prob(latents))
    torch.testing.assert_close(drawn.posterior, posterior.log_prob(latents))
    torch.testing.assert_close(drawn.likelihood, model.likelihood(data[:3], latents))
    assert drawn.weights.shape == (6, 3)


def test_the_bound_has_a_gradient_for_decoder_and_encoder(data):
    model = Linear()
    model.log_prob(data[:5]).sum().backward()

    assert all(parameter.grad.abs().sum() > 0 for parameter in model.parameters())
