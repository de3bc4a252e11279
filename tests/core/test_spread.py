"""Entropy and varentropy of distributions."""

import math

import pytest
import torch
from torch.distributions import Beta, Categorical, Normal

from typica.core import spread as module
from typica.core.errors import ConfigError
from typica.core.randomness import seeded
from typica.core.spread import spread
from typica.layers.distributions import DiscretisedLogisticMixture


def mixture(levels, scale=0.0):
    noise = torch.randn(3, 2, 5, 4, generator=seeded(0)).unbind(0)
    return DiscretisedLogisticMixture(noise[0], noise[1] / 2, noise[2] + scale, levels)


@pytest.mark.parametrize("distribution", [mixture(2), mixture(16), mixture(256, scale=-3.0)])
@pytest.mark.parametrize("at_once", [1, 1 << 22])
def test_a_listed_support_gives_what_its_categorical_does(distribution, at_once, monkeypatch):
    monkeypatch.setattr(module, "AT_ONCE", at_once)
    masses = distribution.log_prob(distribution.enumerate_support()).double().movedim(0, -1)

    for found, expected in zip(
        spread(distribution), spread(Categorical(logits=masses)), strict=True
    ):
        torch.testing.assert_close(found.double(), expected, atol=1e-4, rtol=1e-4)


def test_entropy_and_varentropy_are_mean_and_variance_of_the_surprisal():
    distribution = Categorical(logits=3 * torch.randn(7, 5, generator=seeded(0)).double())
    values = distribution.enumerate_support()
    masses, nats = distribution.log_prob(values).exp(), -distribution.log_prob(values)

    entropy, varentropy = spread(distribution)

    mean = (masses * nats).sum(0)
    torch.testing.assert_close(entropy, mean)
    torch.testing.assert_close(entropy, distribution.entropy())
    torch.testing.assert_close(varentropy, (masses * (nats - mean) ** 2).sum(0))


def test_nothing_varies_where_all_is_alike_or_certain():
    uniform = spread(Categorical(logits=torch.zeros(1, 256)))
    certain = spread(Categorical(logits=torch.tensor([[0.0, -math.inf, -math.inf]])))

    assert uniform[0].item() == pytest.approx(math.log(256), rel=1e-6)
    assert uniform[1].item() < 1e-10
    assert certain == (0, 0)


def test_a_normal_varies_by_half_whatever_its_scale():
    distribution = Normal(torch.zeros(3), torch.tensor([0.01, 1.0, 50.0]))

    entropy, varentropy = spread(distribution)

    torch.testing.assert_close(entropy, distribution.entropy())
    assert (varentropy == 0.5).all()


def test_rows_are_worked_on_in_parts_without_a_difference(monkeypatch):
    distribution = Categorical(logits=torch.randn(3, 70, 8, generator=seeded(0)))
    whole = spread(distribution)
    monkeypatch.setattr(module, "ROWS", 100)

    for found, expected in zip(spread(distribution), whole, strict=True):
        assert found.shape == (3, 70)
        assert torch.equal(found, expected)


def test_what_has_no_known_spread_is_refused():
    with pytest.raises(ConfigError, match="Beta at each step is not known"):
        spread(Beta(torch.ones(2), torch.ones(2)))
