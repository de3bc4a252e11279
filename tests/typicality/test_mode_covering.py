import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Gamma, Normal

from typica.core.errors import ConfigError
from typica.core.randomness import seeded
from typica.typicality.mode_covering import (
    fit_gaussian,
    forward_kl,
    jensen_shannon,
    mixture,
    reverse_kl,
    squared_mmd,
)

THEIS = mixture([0.7, 0.3], [-2.0, 3.0], [0.6, 0.8])
STARTS = [(mean, scale) for mean in (-2.5, 0.0, 3.0) for scale in (0.5, 2.0)]
# Mean, scale and value of every local optimum, best first: by quadrature and Nelder-Mead.
OPTIMA = {
    "forward": [(-0.5, 2.3862, 0.68382)],
    "reverse": [(-1.9994, 0.6012, 0.35640), (2.997, 0.805, 1.20306), (0.63, 2.199, 1.54535)],
    "jensen-shannon": [
        (-1.9991, 0.6018, 0.11717),
        (-0.380, 2.402, 0.18893),
        (2.993, 0.813, 0.34169),
    ],
    "mmd 1": [(-1.981, 1.040, 0.09635)],
    "mmd 25": [(-0.7045, 2.4515, 0.00116)],
}
OBJECTIVES = {
    "forward": forward_kl,
    "reverse": reverse_kl,
    "jensen-shannon": jensen_shannon,
    "mmd 1": lambda target, model: squared_mmd(target, model, 1.0),
    "mmd 25": lambda target, model: squared_mmd(target, model, 25.0),
}


def gaussian(mean, scale):
    return Normal(torch.tensor(mean).double(), torch.tensor(scale).double())


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_has_the_optima_of_the_table(name):
    found = fit_gaussian(lambda model: OBJECTIVES[name](THEIS, model), STARTS)

    np.testing.assert_allclose(found, OPTIMA[name], atol=1e-3)


@pytest.mark.parametrize(
    ("target", "start", "expected"),
    [
        (([0.5, 0.5], [0.5, 0.5]), -2.5, (-1.99980, 0.50040, 0.69305)),
        (([0.5, 0.5], [0.5, 0.5]), 0.0, (0.0, 1.73636, 1.87120)),
        (([0.7, 0.3], [0.5, 0.5]), -2.5, (-1.99987, 0.50026, 0.35661)),
        (([0.7, 0.3], [0.5, 0.5]), 0.0, (-1.99987, 0.50026, 0.35661)),
        (([0.7, 0.3], [0.5, 0.5]), 2.5, (1.99970, 0.50059, 1.20383)),
        (([0.6, 0.4], [0.6, 1.0]), -2.5, (-1.97546, 0.63046, 0.49786)),
        (([0.6, 0.4], [0.6, 1.0]), 0.0, (0.36795, 1.89086, 0.60727)),
        (([0.6, 0.4], [0.6, 1.0]), 2.5, (0.36795, 1.89086, 0.60727)),
    ],
)
def test_reverse_kl_ends_where_its_start_leads(target, start, expected):
    weights, scales = target
    p = mixture(weights, [-2.0, 2.0], scales)

    (found,) = fit_gaussian(lambda model: reverse_kl(p, model), [(start, 1.0)])

    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_jensen_shannon_is_not_always_mode_seeking():
    equal, unequal = (mixture([w, 1 - w], [-2.0, 2.0], [0.5, 0.5]) for w in (0.5, 0.7))
    starts = [(-2.5, 1.0), (0.0, 1.0), (2.5, 1.0)]

    covering = fit_gaussian(lambda model: jensen_shannon(equal, model), starts)
    seeking = fit_gaussian(lambda model: jensen_shannon(unequal, model), starts)

    np.testing.assert_allclose(covering[0], (0, 2.0424, 0.20096), atol=1e-3)
    assert [round(fit.value, 4) for fit in covering[1:]] == [0.2157, 0.2157]
    assert seeking[0].mean == pytest.approx(-2, abs=0.01)
    assert [round(fit.value, 3) for fit in seeking[:2]] == [0.117, 0.201]


def test_the_wrong_solution_pays_dearly_under_the_other_divergence():
    p = mixture([0.5, 0.5], [-2.0, 2.0], [0.5, 0.5])

    assert forward_kl(p, gaussian(-1.9998, 0.5004)).item() == pytest.approx(15.28, abs=0.02)
    assert reverse_kl(p, gaussian(0.0, 2.06155)).item() == pytest.approx(2.098, abs=1e-3)


@settings(max_examples=20)
@given(st.floats(0.05, 0.95), st.floats(-4, 4), st.floats(-4, 4), st.floats(0.3, 2))
def test_forward_kl_matches_moments(weight, first, second, scale):
    p = mixture([weight, 1 - weight], [first, second], [scale, 0.7])

    (fit,) = fit_gaussian(lambda model: forward_kl(p, model), [(0.0, 1.0)])

    assert fit.mean == pytest.approx(p.mean.item(), abs=1e-4)
    assert fit.scale == pytest.approx(p.variance.sqrt().item(), abs=1e-4)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_nothing_separates_a_gaussian_from_itself(name):
    same = mixture([0.4, 0.6], [1.5, 1.5], [0.7, 0.7])
    other = gaussian(1.0, 0.9)

    assert OBJECTIVES[name](same, gaussian(1.5, 0.7)).item() == pytest.approx(0, abs=1e-12)
    assert OBJECTIVES[name](same, other).item() > 1e-4


def test_quadrature_is_what_monte_carlo_approaches():
    model = gaussian(0.5, 1.7)
    noise = torch.randn(1_000_000, dtype=torch.float64, generator=seeded(0))
    drawn = 0.5 + 1.7 * noise

    sampled = model.log_prob(drawn) - THEIS.log_prob(drawn)

    error = sampled.std().item() / 1000
    assert reverse_kl(THEIS, model).item() == pytest.approx(sampled.mean().item(), abs=4 * error)


def test_jensen_shannon_is_at_most_a_bit_and_reaches_it_far_apart():
    far = mixture([1.0], [-30.0], [0.5])

    assert jensen_shannon(far, gaussian(30.0, 0.5)).item() == pytest.approx(math.log(2))


def test_mmd_is_that_of_kernels_between_draws():
    generator = seeded(0)
    noise = torch.randn(2, 2000, dtype=torch.float64, generator=generator)
    drawn = -2 + 0.6 * noise[0], 0.5 + 1.7 * noise[1]

    def kernel(x, y):
        return (-((x[:, None] - y) ** 2) / (2 * 4.0)).exp()

    by_draws = sum(kernel(x, x).sum() - len(x) for x in drawn) / (2000 * 1999)
    by_draws = by_draws - 2 * kernel(*drawn).mean()
    exact = squared_mmd(mixture([1.0], [-2.0], [0.6]), gaussian(0.5, 1.7), 4.0)
    assert exact.item() == pytest.approx(by_draws.item(), abs=0.03)


def test_only_gaussians_are_summed_exactly():
    with pytest.raises(ConfigError, match="expected Gaussians"):
        forward_kl(Gamma(1.0, 1.0), gaussian(0.0, 1.0))
    with pytest.raises(ConfigError, match="scale above 0"):
        fit_gaussian(lambda model: forward_kl(THEIS, model), [(0.0, 0.0)])
