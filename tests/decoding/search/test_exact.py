"""Branch and bound, against the list of all sequences."""

import pytest
import torch
from enumerable import TableModel, enumerate_sequences, random_model

from typica.core.condition import Track
from typica.core.engine import StepEngine
from typica.core.errors import ConfigError
from typica.decoding.search.beam import beam_search
from typica.decoding.search.exact import exact_search


class Counted(StepEngine):
    """Counts the rows that it reads."""

    def __init__(self, model):
        super().__init__(model)
        self.rows = 0

    def step(self, state):
        self.rows += state.count
        return super().step(state)


def searched(model, length, **settings):
    engine = StepEngine(model)
    return exact_search(engine, engine.start(1), length, **settings)


@pytest.mark.parametrize("n_best", [1, 7])
@pytest.mark.parametrize("ends", [False, True])
@pytest.mark.parametrize("seed", range(20))
def test_it_finds_the_best_of_all_sequences(seed, ends, n_best):
    levels, length = 2 + seed % 4, 2 + seed // 4 % 4
    model = random_model(seed, levels, length, ends=ends, sharpness=1 + seed % 3)
    every = enumerate_sequences(model, length)

    found = searched(model, length, n_best=n_best, width=1)

    some = min(n_best, len(every.symbols))
    assert found.stopped == ("proven",)
    assert torch.allclose(found.log_prob, every.log_prob[:some], rtol=0, atol=1e-9)
    columns = found.symbols.shape[1]
    assert torch.equal(found.symbols, every.symbols[:some, :columns])
    assert torch.equal(found.finished, every.finished[:some])


def test_it_finds_what_a_narrow_beam_misses():
    missed = 0
    for seed in range(40):
        model = random_model(seed, 4, 5, sharpness=1.5)
        engine = StepEngine(model)
        beam = beam_search(engine, engine.start(1), 5, width=2, n_best=1)
        exact = searched(model, 5, width=2)
        assert float(exact.log_prob[0]) >= float(beam.log_prob[0]) - 1e-12
        missed += float(exact.log_prob[0]) > float(beam.log_prob[0]) + 1e-9
    assert missed > 0


def test_the_empty_sequence_is_among_the_candidates():
    # Ending at once has 0.3, and whatever else is done no sequence has more than 0.25.
    rows = [[0.35, 0.35, 0.3]] + [[0.35, 0.35, 0.3]] * 3
    model = TableModel(torch.tensor([rows]).log(), final=2)
    found = searched(model, 2, width=1)
    assert found.symbols.tolist() == [[2]]
    assert found.stopped == ("proven",)


def test_a_hypothesis_below_the_bound_is_not_read():
    model = random_model(1, 5, 6, ends=True, sharpness=3)
    engine = Counted(model)
    found = exact_search(engine, engine.start(1), 6, width=8)
    everything = sum(4**position for position in range(6))
    assert found.stopped == ("proven",)
    assert engine.rows < everything / 4


def test_without_the_budget_nothing_is_proven():
    model = random_model(2, 5, 6, sharpness=0.2)
    engine = Counted(model)
    found = exact_search(engine, engine.start(1), 6, width=2, budget=50)
    assert found.stopped == ("budget",)
    assert engine.rows <= 50 + 6 * 2
    beam = beam_search(engine, engine.start(1), 6, width=2, n_best=1)
    assert float(found.log_prob[0]) >= float(beam.log_prob[0])


def test_sources_are_searched_each_for_itself():
    model = random_model(3, 4, 4, ends=True, labels=3)
    engine = StepEngine(model)
    labels = torch.tensor([2, 0, 1])
    found = exact_search(engine, engine.start(3, condition={"label": Track(labels)}), 4, n_best=2)
    assert found.source.tolist() == [0, 0, 1, 1, 2, 2]
    for source, label in enumerate(labels.tolist()):
        every = enumerate_sequences(model, 4, label)
        assert torch.allclose(found.of(source).log_prob, every.log_prob[:2], rtol=0, atol=1e-9)


def test_a_budget_of_nothing_is_refused():
    with pytest.raises(ConfigError, match="budget must be a whole number of at least 1, got 0"):
        searched(random_model(0), 2, budget=0)
    with pytest.raises(ConfigError, match="n_best must be a whole number of at least 1, got 1.5"):
        searched(random_model(0), 2, n_best=1.5)
