import math

import numpy as np
import pytest
import torch
from mpmath import mp, mpf
from scipy.special import exp1, k0

from typica.typicality import Mirage
from typica.typicality.coordinate import coordinate_log_density


def test_the_density_of_a_coordinate_is_that_of_the_oracle_in_any_dimension(oracles):
    rows = [row for row in oracles["mirage_coordinate_pdf"] if math.isfinite(row["K"])]

    for K in {int(row["K"]) for row in rows}:
        mine = [row for row in rows if row["K"] == K]
        log_density = Mirage(K).marginal_log_prob(np.array([row["x"] for row in mine]))
        assert np.exp(log_density) == pytest.approx([row["pdf"] for row in mine], rel=1e-11, abs=0)


def test_in_three_dimensions_it_is_an_exponential_integral():
    x = np.concatenate([np.geomspace(1e-30, 1, 40), np.linspace(1, 50, 40)])

    density = np.exp(Mirage(3).marginal_log_prob(x))

    assert density == pytest.approx(exp1(x**2 / 6) / (2 * math.sqrt(6 * math.pi)), rel=1e-11, abs=0)


def test_in_many_dimensions_it_is_that_of_a_product_of_two_normals():
    x = np.array([0.01, 0.5, 1.0, 3.0])

    assert np.exp(Mirage(10**6).marginal_log_prob(x)) == pytest.approx(k0(x) / np.pi, rel=1e-5)


def test_far_out_where_the_integrand_is_a_narrow_peak_it_is_right():
    K, a, z = 10**6 + 1, 5 * 10**5, 5 * 10**5
    with mp.workdps(40):
        peak = (mp.sqrt(5) - 1) / 2  # t (1 + t) = a / z = 1
        log_peak = -z * peak + a * mp.log(peak / (1 + peak))
        around = mp.linspace(peak * mpf("0.97"), peak * mpf("1.03"), 41)
        share = mp.quad(lambda t: mp.exp(-z * t + a * mp.log(t / (1 + t)) - log_peak) / t, around)
        beta = mp.loggamma(a) + mp.log(mp.pi) / 2 - mp.loggamma(a + mpf(1) / 2)
        log_f = -z - mp.log(2 * mp.pi * K) / 2 - beta + log_peak + mp.log(share)

    log_density = Mirage(K).marginal_log_prob(math.sqrt(2 * K * z))

    assert log_density == pytest.approx(float(log_f), abs=1e-8, rel=0)


@pytest.mark.parametrize("K", [2, 3, 4, 100, 10**6])
def test_the_density_is_smooth_where_its_two_ways_meet(K):
    # The leading term takes over where (K - 1) x^2 / (4 K) falls under 1e-13.
    edge = math.sqrt(4e-13 * K / (K - 1))
    below, above = (coordinate_log_density(edge * torch.tensor(s).double(), K) for s in (0.99, 1.0))

    slope = -1 / math.log(1 / edge)
    assert float(above - below) == pytest.approx(slope * 0.01, rel=0.1)


@pytest.mark.parametrize("K", [1, 2, 50])
def test_it_integrates_to_one_with_variance_one(K):
    # x = exp(s) on both sides of zero: the singularity at 0 is only logarithmic.
    s = torch.linspace(-45, 5, 20001, dtype=torch.float64)
    x = s.exp()

    weights = 2 * (coordinate_log_density(x, K).exp() * x) * (s[1] - s[0])

    assert weights.sum().item() == pytest.approx(1, rel=1e-9)
    assert (weights * x.square()).sum().item() == pytest.approx(1, rel=1e-9)


def test_extremes_are_right_in_sign_and_never_a_nan():
    x = torch.tensor([0.0, 1e-100, 1e5, math.inf], dtype=torch.float64)

    for K in (2, 100, 10**6):
        zero, tiny, large, infinite = coordinate_log_density(x, K).tolist()
        assert zero == math.inf
        assert 0 < tiny < 10
        assert -math.inf < large < -1000
        assert infinite == -math.inf


def test_it_can_be_differentiated_and_is_even():
    x = torch.tensor([0.2, 1.0, 6.0], dtype=torch.float64, requires_grad=True)

    for K in (1, 2, 30):
        assert torch.autograd.gradcheck(Mirage(K).marginal_log_prob, x)
        assert torch.equal(Mirage(K).marginal_log_prob(-x), Mirage(K).marginal_log_prob(x))


def test_results_are_of_the_kind_that_was_given():
    assert isinstance(Mirage(7).marginal_log_prob(1.0), float)
    assert Mirage(7).marginal_log_prob(np.ones((2, 3))).shape == (2, 3)
    assert Mirage(7).marginal_log_prob(torch.ones(2, 3)).shape == (2, 3)
