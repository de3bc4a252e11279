"""Greedy decoding."""

import math

import pytest
import torch
from enumerable import random_model
from gated_networks import build

from typica.core.condition import Track
from typica.core.engine import StepEngine
from typica.core.errors import ConfigError, RunError
from typica.decoding.search.greedy import greedy
from typica.decoding.sequences import AT_ONCE


def slow_greedy(model, length):
    past = []
    while len(past) < length and (not past or past[-1] != model.final):
        row = model.row(past)
        past.append(row.index(max(row)))
    return past


@pytest.mark.parametrize("ends", [False, True])
def test_it_takes_the_most_likely_symbol_each_time(ends):
    for seed in range(20):
        model = random_model(seed, 4, 6, ends=ends, sharpness=2)
        engine = StepEngine(model)
        length = AT_ONCE + 7
        found = greedy(engine, engine.start(2), length, spread=True)
        expected = slow_greedy(model, length)
        assert found.symbols[0, : len(expected)].tolist() == expected
        assert found.lengths.tolist() == [len(expected)] * 2
        assert found.log_prob.allclose(model.log_prob(found.symbols))
        assert not found.entropies[:, len(expected) :].any()
        has_ended = expected[-1] == model.final
        assert found.stopped == ("ended" if has_ended else "length",) * 2
        assert found.finished.tolist() == [has_ended] * 2


def test_of_densities_it_takes_the_mode():
    model = build({"output": "gaussian", "input": "scalar"})
    engine = StepEngine(model)
    found = greedy(engine, engine.start(1), 5)
    means = model.conditionals(model.render(found.symbols)).loc
    assert found.symbols.allclose(means, atol=1e-5)


@pytest.mark.parametrize("nothing", [-math.inf, math.nan])
def test_where_no_symbol_has_a_probability_it_is_an_error_that_names_the_row(nothing):
    model = random_model(0, 3, 4, labels=3)
    model.log_probs[1, 0] = nothing
    engine = StepEngine(model)
    state = engine.start(3, condition={"label": Track(torch.arange(3))})
    with pytest.raises(RunError, match="row 1 of the streams cannot be drawn from"):
        greedy(engine, state, 3)


def test_nothing_is_refused():
    engine = StepEngine(random_model(0))
    with pytest.raises(ConfigError, match="at least 1 symbol"):
        greedy(engine, engine.start(1), 0)
