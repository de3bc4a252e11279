"""What long sequences are given, and what may still become of them."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some

from typica.decoding.search.reward import LengthPenalty, NoReward, PerSymbol, SymbolReward

REWARDS = [NoReward(), PerSymbol(), LengthPenalty(0.7), SymbolReward(0.8), SymbolReward(-0.3)]


def score(reward, log_prob, length):
    return float(reward.score(torch.tensor(log_prob, dtype=torch.float64), length))


def bound(reward, log_prob, length, longest):
    return float(reward.bound(torch.tensor(log_prob, dtype=torch.float64), length, longest))


@pytest.mark.parametrize("reward", REWARDS, ids=str)
@given(some.floats(-50, 0), some.integers(1, 9), some.integers(1, 9))
def test_the_bound_is_the_best_that_may_become(reward, log_prob, length, more):
    # At best all further symbols are certain, and there are as many as is best.
    ends = [score(reward, log_prob, end) for end in range(length + 1, length + more + 1)]
    assert math.isclose(max(ends), bound(reward, log_prob, length, length + more), abs_tol=1e-9)


def test_the_formulae_are_those_of_the_papers():
    assert score(NoReward(), -6.0, 3) == -6
    assert score(PerSymbol(), -6.0, 3) == -2
    assert math.isclose(score(LengthPenalty(0.6), -6.0, 7), -6 / 2**0.6)
    assert math.isclose(score(SymbolReward(0.5), -6.0, 4), -4)
