"""The discretised mixture of logistics: masses add up, gradients stay finite."""

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from typica.core.randomness import draw, seeded
from typica.layers.distributions import DiscretisedLogisticMixture


def mixture(logits, mean, log_scale, levels):
    columns = (torch.tensor([v], dtype=torch.float32) for v in (logits, mean, log_scale))
    return DiscretisedLogisticMixture(*columns, levels)


parameters = st.integers(1, 4).flatmap(
    lambda count: st.tuples(
        st.lists(st.floats(-5, 5), min_size=count, max_size=count),
        st.lists(st.floats(-2, 2), min_size=count, max_size=count),
        st.lists(st.floats(-9, 2), min_size=count, max_size=count),
    )
)


@given(parameters, st.sampled_from([2, 3, 256]))
@example(([0.0], [2e-7], [-8.0]), 2)  # rounded otherwise on one side of the edge than on the other
def test_the_masses_of_all_levels_sum_to_one(values, levels):
    masses = mixture(*values, levels).log_prob(torch.arange(levels)).exp()

    assert (masses >= 0).all()
    assert masses.sum().item() == pytest.approx(1, abs=1e-5)


@settings(max_examples=10)
@given(parameters)
def test_the_masses_of_65536_levels_sum_to_one(values):
    masses = mixture(*values, 65536).log_prob(torch.arange(65536)).double().exp()
    assert masses.sum().item() == pytest.approx(1, abs=1e-4)


def test_one_logistic_is_its_cumulative_distribution():
    mean, scale, levels = 0.1, 0.05, 16
    masses = mixture([0.0], [mean], [torch.tensor(scale).log().item()], levels)
    edges = (2 * torch.arange(levels - 1, dtype=torch.float64) + 1) / (levels - 1) - 1
    below = torch.cat([torch.zeros(1), torch.sigmoid((edges - mean) / scale), torch.ones(1)])

    expected = below.diff().log()

    torch.testing.assert_close(
        masses.log_prob(torch.arange(levels)).double(), expected, atol=1e-5, rtol=1e-5
    )


@pytest.mark.parametrize("mean", [-1e4, -1.0, 0.3, 1e4])
@pytest.mark.parametrize("log_scale", [-16.0, -7.0, 5.0])
@pytest.mark.parametrize("level", [0, 17, 65535])
def test_gradients_stay_finite_at_the_extremes(mean, log_scale, level):
    values = [torch.tensor([[v]], requires_grad=True) for v in (0.0, mean, log_scale)]
    distribution = DiscretisedLogisticMixture(*values, 65536)

    log_prob = distribution.log_prob(torch.tensor([level]))
    log_prob.sum().backward()

    assert torch.isfinite(log_prob).all()
    assert all(torch.isfinite(value.grad).all() for value in values)


def test_what_is_drawn_has_the_masses_that_are_told():
    one = mixture([0.3, -0.2, 0.5], [-0.9, 0.1, 0.8], [-2.0, -1.0, -3.0], 8)
    many = DiscretisedLogisticMixture(
        *(v.expand(100_000, 3) for v in (one.logits, one.mean_, one.log_scale)), 8
    )

    counts = torch.bincount(draw(many, seeded(0)), minlength=8) / 100_000

    torch.testing.assert_close(counts, one.log_prob(torch.arange(8)).exp(), atol=6e-3, rtol=0)


def test_less_temperature_is_less_spread():
    warm = mixture([0.0, 0.0], [-0.5, 0.5], [-2.0, -2.0], 256)
    cool = warm.tempered(0.5)
    levels = torch.arange(256)

    entropy = [-(d.log_prob(levels).exp() * d.log_prob(levels)).sum() for d in (warm, cool)]

    assert entropy[1] < entropy[0]
    assert cool.log_prob(levels).exp().sum().item() == pytest.approx(1, abs=1e-5)


def test_all_levels_can_be_listed():
    distribution = mixture([0.0, 1.0], [0.0, 0.3], [-1.0, -2.0], 5)

    assert distribution.enumerate_support(expand=False).tolist() == [[0], [1], [2], [3], [4]]
    assert distribution.enumerate_support().shape == (5, *distribution.batch_shape)
