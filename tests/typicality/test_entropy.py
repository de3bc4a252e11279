import math

import numpy as np
import pytest
import torch

from typica.core import registry
from typica.core.errors import ConfigError, DataError
from typica.core.randomness import seeded
from typica.typicality.entropy import (
    conditional_entropy,
    cross_entropy,
    enumerated_entropy,
    markov_entropy_rate,
    sampled_entropy,
)

LENGTH = 6


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    model = registry.build("wavenet", "tiny", bits=2).eval().requires_grad_(False)
    for parameter in model.parameters():
        parameter.data += 0.5 * torch.randn(parameter.shape)
    return model


def test_samples_and_conditional_entropies_both_find_the_enumerated_entropy(model):
    exact = enumerated_entropy(model, LENGTH)
    sampled = sampled_entropy(model, 2000, LENGTH, generator=seeded(0), batch=500)
    smoothed = conditional_entropy(model, 2000, LENGTH, generator=seeded(0), batch=500)

    assert exact.error == 0
    assert exact.examples == 4**LENGTH
    assert abs(sampled.nats - exact.nats) < 4 * sampled.error
    assert abs(smoothed.nats - exact.nats) < 4 * smoothed.error
    assert smoothed.error < 0.7 * sampled.error  # the noise of each step's draw is gone
    assert sampled.kind == smoothed.kind == exact.kind == "entropy"


def test_cross_entropy_has_the_samples_error_and_its_own_name():
    log_prob = torch.tensor([-1.0, -2.0, -3.0, -6.0])

    found = cross_entropy(log_prob)

    assert found.kind == "cross-entropy"
    assert found.nats == 3
    assert found.bits == pytest.approx(3 / math.log(2))
    assert found.error == pytest.approx(log_prob.std().item() / 2)


def test_exactly_the_samples_asked_for_are_drawn(model):
    found = sampled_entropy(model, 37, LENGTH, generator=seeded(0), batch=16)
    assert found.examples == 37


def test_a_chain_of_independent_steps_has_the_entropy_of_one():
    rate = markov_entropy_rate(np.full((4, 4), 0.25))
    cycle = markov_entropy_rate(np.roll(np.eye(3), 1, 1))
    # Cover and Thomas, example 4.1: a two-state chain.
    two = markov_entropy_rate(np.array([[0.9, 0.1], [0.3, 0.7]]))

    def binary(p):
        return -p * math.log(p) - (1 - p) * math.log(1 - p)

    assert rate == pytest.approx(math.log(4))
    assert cycle == pytest.approx(0, abs=1e-12)
    assert two == pytest.approx(0.75 * binary(0.1) + 0.25 * binary(0.3))


def test_what_cannot_be_known_is_refused(model):
    with pytest.raises(ConfigError, match=r"4\^12 sequences"):
        enumerated_entropy(model, 12)
    with pytest.raises(ConfigError, match="two examples or more, got 1"):
        cross_entropy(torch.zeros(1))
    with pytest.raises(ConfigError, match="rows that sum to 1"):
        markov_entropy_rate(np.ones((2, 2)))
    gaussian = registry.build("wavenet", "tiny", output="gaussian", input="scalar")
    with pytest.raises(ConfigError, match="cannot be listed"):
        enumerated_entropy(gaussian, 2)


def test_a_density_that_does_not_sum_to_one_is_found_out(model, monkeypatch):
    monkeypatch.setattr(model, "log_prob", lambda x: torch.full((len(x),), -1.0))
    with pytest.raises(DataError, match="add up"):
        enumerated_entropy(model, 2)
