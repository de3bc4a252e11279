import itertools
import math

import numpy as np
import pytest
import torch
from scipy.integrate import dblquad, quad
from torch.distributions import Normal

from typica.core.errors import ConfigError, DataError
from typica.core.randomness import seeded
from typica.typicality.fibres import log_orders
from typica.typicality.point_process import (
    PoissonProcess,
    log_density_against_poisson,
    log_janossy,
    log_prob_over_orders,
    rescaled_log_janossy,
    set_log_prob,
    thin,
)

# The rate 6 x on [0, 1]: three points are expected.
SLOPE = PoissonProcess(lambda points: (6 * points).log(), 3.0)
POINTS = torch.tensor([0.9, 0.2, 0.5, 0.7], dtype=torch.float64)


def janossy(process, *points):
    return math.exp(process.log_janossy(torch.tensor(points, dtype=torch.float64)))


def test_janossy_densities_of_all_sizes_weigh_one():
    # The integral over n points is that over one, to the power n: here it is taken numerically,
    # in one and two dimensions, and the rest by its power.
    none = janossy(SLOPE)
    one = quad(lambda x: janossy(SLOPE, x), 0, 1)[0]
    two = dblquad(lambda x, y: janossy(SLOPE, x, y), 0, 1, 0, 1)[0]
    mass = one / none

    total = sum(none * mass**n / math.factorial(n) for n in range(41))
    assert two / none == pytest.approx(mass**2, rel=1e-8)
    assert total == pytest.approx(1, abs=1e-8)


def test_a_homogeneous_set_costs_its_mass_less_the_log_rate_of_each_point():
    process = PoissonProcess.homogeneous(rate=5.0, volume=2.0)

    assert -process.log_janossy(POINTS) == pytest.approx(10 - 4 * math.log(5))


def test_janossy_is_count_times_orders_times_density_in_order():
    in_order = (2 * POINTS).log().sum().item()  # density 2 x of each point
    log_count = -3 + 4 * math.log(3) - math.log(math.factorial(4))

    value = log_janossy(in_order, 4, log_count)

    assert value == pytest.approx(SLOPE.log_janossy(POINTS), abs=1e-12)
    assert log_density_against_poisson(value, volume=1.0) == pytest.approx(value + 1)


def test_against_itself_the_process_of_rate_one_has_density_one():
    unit = PoissonProcess.homogeneous(rate=1.0, volume=7.0)

    assert log_density_against_poisson(unit.log_janossy(POINTS), volume=7.0) == pytest.approx(0)


def test_a_set_has_no_order():
    values = [SLOPE.log_janossy(POINTS[list(rows)]) for rows in itertools.permutations(range(4))]

    assert max(values) - min(values) < 1e-12


def test_sorted_points_are_denser_by_the_number_of_orders():
    # Of two uniform points, sorted: density 2 on the triangle, which has half the area.
    area = dblquad(lambda x, y: math.exp(set_log_prob(0.0, 2)), 0, 1, 0, lambda y: y)[0]

    assert area == pytest.approx(1)


def test_the_factor_of_a_multiset_is_that_of_the_coin():
    # Heads that repeat are the same head: 16! / (12! 4!), not 16!.
    assert log_orders([12, 4]) == pytest.approx(math.log(math.comb(16, 12)))
    assert set_log_prob(0.0, 16) == pytest.approx(log_orders([1] * 16))


def test_a_unit_of_length_shifts_sets_by_their_size():
    metres = SLOPE.log_janossy(POINTS)
    centimetres = PoissonProcess(lambda points: (6 * points / 100 / 100).log(), 3.0)

    rescaled = rescaled_log_janossy(metres, 4, scale=100)

    assert rescaled == pytest.approx(centimetres.log_janossy(100 * POINTS))
    assert rescaled == pytest.approx(metres - 4 * math.log(100))
    assert rescaled_log_janossy(metres, 4, 100, dimensions=3) < rescaled


def test_which_set_is_likelier_depends_on_the_unit():
    process = PoissonProcess.homogeneous(10.0, 1.0)
    few, many = (process.log_janossy(POINTS[:count]) for count in (1, 4))

    assert few < many
    assert rescaled_log_janossy(few, 1, 100) > rescaled_log_janossy(many, 4, 100)


def test_a_thinned_process_is_what_the_points_lost_leave():
    # Sum over how many points were there and lost: each integral of (1 - keep) rate, numerically.
    lost = quad(lambda x: (1 - x) * 6 * x, 0, 1)[0]
    shown = [0.3, 0.8]
    by_hand = sum(
        janossy(SLOPE, *shown) * math.prod(shown) * lost**m / math.factorial(m) for m in range(40)
    )

    thinned = SLOPE.thinned(keep=lambda points: points, mass=2.0)

    assert janossy(thinned, *shown) == pytest.approx(by_hand, rel=1e-10)


def test_points_are_kept_as_often_as_said():
    points = torch.linspace(0, 1, 100_001, dtype=torch.float64)

    kept = thin(points, lambda x: x, seeded(0))

    assert len(kept) / len(points) == pytest.approx(0.5, abs=4 * math.sqrt(1 / 6 / 1e5))
    assert kept.mean().item() == pytest.approx(2 / 3, abs=4 * math.sqrt(1 / 18 / 5e4))


def chain(sequences):
    """Return the density of a random walk that starts near zero: it minds the order."""
    first = Normal(0.0, 1.0).log_prob(sequences[:, 0])
    return first + Normal(sequences[:, :-1], 0.3).log_prob(sequences[:, 1:]).sum(1)


def test_random_orders_approach_the_sum_over_all_from_below():
    points = torch.linspace(-1, 1.5, 6, dtype=torch.float64)
    exact = log_prob_over_orders(chain, points)

    slow = [chain(points[list(rows)][None]) for rows in itertools.permutations(range(6))]
    means = []
    for orders in (4, 64, 4096):
        drawn = [
            log_prob_over_orders(chain, points, orders, seeded(seed)).value for seed in range(50)
        ]
        means.append(np.mean(drawn))

    assert exact.error == 0
    assert exact.value == pytest.approx(torch.cat(slow).logsumexp(0).item())
    assert means[0] < means[1] < means[2] < exact.value + 0.02
    assert means[0] < exact.value - 1
    assert means[2] == pytest.approx(exact.value, abs=0.05)


def test_the_error_of_an_estimate_is_its_spread():
    points = torch.linspace(-0.4, 0.4, 4, dtype=torch.float64)
    drawn = [log_prob_over_orders(chain, points, 2000, seeded(seed)) for seed in range(100)]

    spread = np.std([one.value for one in drawn])

    assert np.mean([one.error for one in drawn]) == pytest.approx(spread, rel=0.3)


def test_an_exchangeable_model_needs_one_order():
    points = torch.linspace(-1, 1, 6, dtype=torch.float64)

    def around_one_of_two(sequences):
        each = [Normal(centre, 0.5).log_prob(sequences).sum(1) for centre in (-1.0, 1.0)]
        return torch.logaddexp(*each) - math.log(2)

    one = log_prob_over_orders(around_one_of_two, points, 1, seeded(0)).value

    in_order = around_one_of_two(points[None]).item()
    assert one == pytest.approx(log_prob_over_orders(around_one_of_two, points).value, abs=1e-12)
    assert one == pytest.approx(set_log_prob(in_order, 6), abs=1e-12)


def test_points_may_have_coordinates():
    points = torch.tensor([[0.0, 1.0], [2.0, 3.0], [1.0, 1.0]], dtype=torch.float64)

    value = log_prob_over_orders(lambda s: Normal(0.0, 1.0).log_prob(s).sum((1, 2)), points).value

    assert value == pytest.approx(set_log_prob(Normal(0.0, 1.0).log_prob(points).sum().item(), 3))


def test_too_many_orders_and_none_are_refused():
    with pytest.raises(ConfigError, match=r"9 points have 3\.63e\+05 orders"):
        log_prob_over_orders(chain, torch.zeros(9))
    with pytest.raises(ConfigError, match="at least one order"):
        log_prob_over_orders(chain, torch.zeros(9), orders=0)
    with pytest.raises(DataError, match="without points"):
        log_prob_over_orders(chain, torch.zeros(0))
