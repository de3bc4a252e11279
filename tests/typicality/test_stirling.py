import math

import numpy as np
import pytest
from mpmath import mp, mpf

from typica.typicality.stirling import deviance, half_step, stirling_remainder

ARGUMENTS = [0.5, 1, 1.5, 7, 15.5, 16, 16.5, 40, 171.5, 5e5]


@pytest.mark.parametrize("x", ARGUMENTS)
def test_what_stirlings_formula_leaves_over_is_known_to_its_last_digits(x):
    with mp.workdps(40):
        exact = mp.loggamma(mpf(x) + 1) - (mpf(x) + 0.5) * mp.log(x) + x - mp.log(2 * mp.pi) / 2

    assert float(stirling_remainder(x)) == pytest.approx(float(exact), rel=1e-12, abs=0)


@pytest.mark.parametrize("x", ARGUMENTS)
def test_a_half_step_of_the_gamma_function_is_known_to_its_last_digits(x):
    with mp.workdps(40):
        exact = mp.loggamma(mpf(x) + 0.5) - mp.loggamma(x) - mp.log(x) / 2

    assert float(half_step(x)) == pytest.approx(float(exact), rel=1e-12, abs=0)


def test_the_deviance_is_zero_at_the_mean_and_positive_elsewhere():
    x = np.array([0.0, 1.0, 2.0, 3.0, 10.0])

    values = deviance(x, 2.0)

    assert values[:3].tolist() == [2.0, pytest.approx(1 - math.log(2)), 0.0]
    assert (values[[0, 1, 3, 4]] > 0).all()


def test_the_parts_make_up_the_logarithm_of_a_poisson_probability():
    # P(k) = exp(-deviance - remainder) / sqrt(2 pi k) for a Poisson law of any mean.
    k, mean = 10**6, 1_000_500.0
    with mp.workdps(40):
        exact = mp.exp(k * mp.log(mean) - mean - mp.loggamma(k + 1))

    parts = math.exp(-float(deviance(k, mean)) - float(stirling_remainder(k)))

    assert parts / math.sqrt(2 * math.pi * k) == pytest.approx(float(exact), rel=1e-12, abs=0)
