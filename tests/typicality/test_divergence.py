import math

import pytest
import torch

from typica.typicality.divergence import (
    kl_gaussian_to_mirage,
    kl_mirage_to_gaussian,
    total_variation,
)
from typica.typicality.mirage import Mirage


def test_divergences_are_those_of_the_oracle(oracles):
    for row in oracles["mirage"]:
        K = row["K"]
        rel = 1e-10 if K < 10**6 else 1e-9
        there, back = kl_mirage_to_gaussian(K), kl_gaussian_to_mirage(K)
        assert there == pytest.approx(row["kl_mirage_normal"], rel=rel, abs=1e-15)
        assert back == pytest.approx(row["kl_normal_mirage"], rel=rel, abs=1e-15)


def test_total_variation_is_that_of_the_oracle(oracles):
    for row in oracles["tv_N_M"]:
        assert total_variation(row["K"]) == pytest.approx(row["tv"], rel=1e-10)


def test_in_one_dimension_the_two_are_one():
    assert total_variation(1) == 0
    assert kl_mirage_to_gaussian(1) == pytest.approx(0, abs=1e-15)
    assert kl_gaussian_to_mirage(1) == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize("K", [2, 10, 100, 10**4])
def test_pinsker_and_the_triangle_of_masses_hold(K):
    distance = total_variation(K)

    assert 0 < distance < 1
    assert 2 * distance**2 <= min(kl_gaussian_to_mirage(K), kl_mirage_to_gaussian(K))


def test_samples_agree_with_the_divergence_in_both_directions():
    K, count = 10, 100_000
    generator = torch.Generator().manual_seed(0)
    mirage, scale = Mirage(K), torch.ones(K, dtype=torch.float64)
    gaussian = torch.distributions.Independent(torch.distributions.Normal(0 * scale, scale), 1)

    def log_ratio(x):
        return gaussian.log_prob(x) - mirage.log_prob(x)

    forth = log_ratio(torch.randn(count, K, generator=generator, dtype=torch.float64))
    back = -log_ratio(mirage.sample((count,), generator=generator))

    for ratios, exact in ((forth, kl_gaussian_to_mirage(K)), (back, kl_mirage_to_gaussian(K))):
        assert abs(ratios.mean().item() - exact) < 4 * ratios.std().item() / math.sqrt(count)
