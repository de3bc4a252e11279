import math

import pytest
import torch
from torch.distributions import Categorical, Normal

from typica.core.errors import ConfigError
from typica.core.randomness import seeded
from typica.images.dequantise import (
    bits_per_dim,
    dequantise,
    dequantised_bits_per_dim,
    dequantised_log_prob,
)

CODES = torch.tensor([[0, 3, 5], [7, 7, 1]])
LEVELS = Categorical(torch.tensor([1.0, 2, 3, 4, 5, 6, 7, 8]).double())


def test_a_density_that_is_constant_over_levels_is_no_bound_but_exact():
    bound = dequantised_log_prob(
        lambda x: LEVELS.log_prob(x.floor().long()).sum(1), CODES, generator=seeded(0)
    )

    torch.testing.assert_close(bound, LEVELS.log_prob(CODES).sum(1))


def test_any_other_density_stays_below_the_probability_of_its_levels():
    density = Normal(torch.tensor(3.0).double(), 0.8)
    exact = (density.cdf(CODES + 1.0) - density.cdf(CODES.double())).log().sum(1)

    bound = dequantised_log_prob(
        lambda x: density.log_prob(x).sum(1), CODES, draws=4000, generator=seeded(0)
    )

    assert (bound < exact - 0.05).all()
    # E over u of the log of a Gaussian, by hand: the mean square of a uniform is 1/12 more.
    middles = CODES.double() + 0.5
    mean = density.log_prob(middles) - 1 / 12 / (2 * 0.64)
    torch.testing.assert_close(bound, mean.sum(1), atol=0.2, rtol=0)


def test_noise_never_reaches_the_next_level():
    codes = torch.full((100_000,), 2**16 - 1)

    values = dequantise(codes, seeded(0))

    assert torch.equal(values.floor().long(), codes)
    assert values.mean().item() - codes[0].item() == pytest.approx(0.5, abs=4 / math.sqrt(12e5))


def test_a_uniform_model_pays_eight_bits_however_its_values_are_scaled():
    discrete = bits_per_dim(torch.tensor(-12 * math.log(256)), 12, levels=256)
    unit, symmetric, unscaled = (
        dequantised_bits_per_dim(torch.tensor(-12 * math.log(w)), 12, levels=256, width=w)
        for w in (1.0, 2.0, 256.0)
    )

    for one in (discrete, unit, symmetric, unscaled):
        assert one.value.item() == pytest.approx(8)
    assert discrete.measure == "256 levels"
    assert unit.measure == "256 levels, dequantised: an upper bound"


def test_each_example_has_its_bits():
    assert bits_per_dim(torch.zeros(5), 3, levels=2).value.shape == (5,)


def test_nothing_to_divide_by_is_refused():
    with pytest.raises(ConfigError, match="1 dimension or more"):
        bits_per_dim(torch.zeros(1), 0, levels=2)
    with pytest.raises(ConfigError, match="width=0"):
        dequantised_bits_per_dim(torch.zeros(1), 1, levels=2, width=0)
    with pytest.raises(ConfigError, match="draws=0"):
        dequantised_log_prob(lambda x: x.sum(1), CODES, draws=0)
