import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from typica.core.errors import ConfigError, DataError
from typica.typicality import TypicalSet
from typica.typicality.typical_set import wilson


def standard_normal(dimensions, eps, **units):
    entropy = dimensions / 2 * math.log(2 * math.pi * math.e)
    return TypicalSet(entropy, eps, n=dimensions, **units)


def test_a_likelier_point_deviates_downwards():
    typical = TypicalSet(entropy=10.0, eps=1.0, unit="nats", per="total")

    assert typical.deviation(-8.0) == -2.0
    assert typical.deviation(torch.tensor([-11.0, -10.5])).tolist() == [1.0, 0.5]
    assert typical.contains(np.array([-8.0, -9.0, -11.0, -11.1])).tolist() == [
        False,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize("dimensions", [2, 16, 1000])
def test_an_eps_means_the_same_in_each_unit(dimensions):
    total = TypicalSet(1.0, 8.0, "bits", "total").eps_nats
    share = TypicalSet(1.0, 8 * math.log(2) / dimensions, "nats", "dim", dimensions).eps_nats

    assert total == pytest.approx(share, rel=1e-15)


def test_the_boundary_belongs_to_the_set_though_it_was_rounded():
    # A sequence of 16 tosses with 11 heads costs exactly one log2(3) more than the entropy.
    heads, tails = math.log(3 / 4), math.log(1 / 4)
    entropy = -(12 * heads + 4 * tails)
    edge = TypicalSet(entropy, math.log2(3), "bits", "total")

    assert edge.contains(11 * heads + 5 * tails)
    assert edge.contains(13 * heads + 3 * tails)
    assert not edge.contains(10 * heads + 6 * tails)
    assert TypicalSet(entropy, 0.0, "bits", "total").contains(12 * heads + 4 * tails)


@given(
    st.floats(-1e3, 1e3),
    st.lists(st.floats(0, 1e3), min_size=2, max_size=2).map(sorted),
    st.floats(-2e3, 2e3),
)
def test_a_smaller_set_lies_in_a_larger_one(entropy, radii, log_prob):
    small, large = (TypicalSet(entropy, eps, "nats", "total") for eps in radii)

    assert large.contains(log_prob) or not small.contains(log_prob)


def test_what_has_no_or_infinite_density_is_not_typical():
    typical = TypicalSet(0.0, 1e300, "nats", "total")

    assert not typical.contains(torch.tensor([math.inf, -math.inf])).any()


def test_the_counted_mass_agrees_with_the_chi_square_law():
    generator = torch.Generator().manual_seed(0)
    radii = torch.randn(20000, 100, generator=generator, dtype=torch.float64).square().sum(1)
    log_probs = -50 * math.log(2 * math.pi) - radii / 2

    counted = standard_normal(100, 20, unit="bits", per="total").mass_mc(log_probs)

    exact, count = 0.9512619, 20000
    assert abs(counted.mass - exact) < 4 * math.sqrt(exact * (1 - exact) / count)
    assert counted.low < counted.mass < counted.high
    assert counted.count == count


def test_wilson_intervals_are_those_of_the_tables():
    # Wilson 1927 by hand for 81 of 263 (Newcombe 1998, table I, method 3).
    assert wilson(81, 263)[1:3] == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 20)[1:3] == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(20, 20)[1:3] == pytest.approx((0.8389, 1.0), abs=5e-5)


def test_a_wilson_interval_covers_the_truth_as_often_as_it_says():
    hits = np.random.default_rng(0).binomial(50, 0.1, size=4000)

    covered = np.mean([low < 0.1 < high for _, low, high, _ in (wilson(int(h), 50) for h in hits)])

    assert 0.94 < covered < 0.98  # 0.9703 by enumeration


def test_wrong_settings_and_samples_are_refused():
    with pytest.raises(ConfigError, match="entropy must be finite, got nan"):
        TypicalSet(math.nan, 1.0, "nats", "total")
    with pytest.raises(ConfigError, match="eps must be zero or positive"):
        TypicalSet(1.0, -1.0, "nats", "total")
    typical = TypicalSet(1.0, 1.0, "nats", "total")
    with pytest.raises(DataError, match="no samples"):
        typical.mass_mc([])
    with pytest.raises(DataError, match="log probability 1 is not a number"):
        typical.mass_mc([0.0, math.nan])
    with pytest.raises(ConfigError, match="confidence"):
        typical.mass_mc([0.0], confidence=1.0)


def test_entropy_and_eps_may_be_tensors_without_dimensions():
    typical = TypicalSet(torch.tensor(1.0), torch.tensor(2.0), "nats", "total")

    assert (typical.entropy, typical.eps_nats) == (1.0, 2.0)
