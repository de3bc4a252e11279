"""Beam search, against the list of all sequences."""

import itertools

import pytest
import torch
from enumerable import TableModel, enumerate_sequences, random_model
from torch.distributions import Normal

from typica.core.condition import Track
from typica.core.engine import StepEngine
from typica.core.errors import ConfigError, RunError
from typica.decoding.search.beam import beam_search
from typica.decoding.search.greedy import greedy
from typica.decoding.search.reward import LengthPenalty, NoReward, PerSymbol, SymbolReward

REWARDS = [NoReward(), PerSymbol(), LengthPenalty(0.7), SymbolReward(0.8), SymbolReward(-0.3)]


def searched(model, length, **settings):
    engine = StepEngine(model)
    return beam_search(engine, engine.start(1), length, **settings)


@pytest.mark.parametrize("ends", [False, True])
@pytest.mark.parametrize("seed", range(20))
def test_a_beam_of_all_prefixes_is_exact(seed, ends):
    levels, length = 2 + seed % 4, 2 + seed // 4 % 4
    model = random_model(seed, levels, length, ends=ends)
    every = enumerate_sequences(model, length)

    found = searched(model, length, width=levels ** (length - 1))

    best = slice(None, min(levels ** (length - 1), len(every.symbols)))
    filled = torch.nn.functional.pad(
        found.symbols, (0, length - found.symbols.shape[1]), value=model.final or 0
    )
    assert torch.allclose(found.log_prob, every.log_prob[best], rtol=0, atol=1e-9)
    assert torch.equal(filled, every.symbols[best])
    assert torch.equal(found.finished, every.finished[best])


@pytest.mark.parametrize("reward", REWARDS, ids=str)
@pytest.mark.parametrize("seed", range(5))
def test_with_any_reward_a_beam_of_all_prefixes_is_exact(seed, reward):
    model = random_model(seed, 4, 4, ends=True)
    every = enumerate_sequences(model, 4)
    lengths = torch.where(every.finished, (every.symbols == 3).long().argmax(1) + 1, 4)
    scores = reward.score(every.log_prob, lengths).sort(descending=True).values

    found = searched(model, 4, width=64, n_best=5, reward=reward)

    assert torch.allclose(found.score, scores[:5], rtol=0, atol=1e-9)


@pytest.mark.parametrize("ends", [False, True])
def test_width_one_is_greedy(ends):
    for seed in range(30):
        model = random_model(seed, 5, 5, ends=ends, sharpness=2)
        engine = StepEngine(model)
        one = greedy(engine, engine.start(1), 5)
        for stop in ("bound", "pool"):
            found = searched(model, 5, width=1, stop=stop)
            length = found.symbols.shape[1]
            assert torch.equal(found.symbols, one.symbols[:, :length])
            assert torch.equal(found.lengths, one.lengths)
            assert torch.allclose(found.log_prob, one.log_prob)


def slow_beam(model, length, width):
    """The definition, in plain Python: without ends and ties."""
    beam = [(0.0, ())]
    for _ in range(length):
        grown = [
            (score + row, (*past, symbol))
            for score, past in beam
            for symbol, row in enumerate(model.row(past))
        ]
        beam = sorted(grown, reverse=True)[:width]
    return beam


@pytest.mark.parametrize("width", [1, 2, 3, 7, 20])
def test_a_narrow_beam_is_the_one_of_the_definition(width):
    for seed in range(10):
        model = random_model(seed, 4, 5)
        found = searched(model, 5, width=width)
        expected = slow_beam(model, 5, width)
        assert [tuple(row) for row in found.symbols.tolist()] == [past for _, past in expected]
        assert found.stopped == ("length",)


def table(*rows, final=None):
    """A model that draws alike after any past of so many symbols."""
    levels = len(rows[0])
    repeated = [row for at, row in enumerate(rows) for _ in range(levels**at)]
    return TableModel(torch.tensor([repeated]).log(), final)


def test_of_equal_scores_the_higher_hypothesis_and_the_lower_symbol_come_first():
    model = table([0.25] * 4, [0.25] * 4)
    found = searched(model, 2, width=6)
    expected = list(itertools.product(range(4), repeat=2))[:6]
    assert [tuple(row) for row in found.symbols.tolist()] == expected


def test_the_rule_that_stopped_it_is_told():
    sure = table([0.2, 0.1, 0.7], [0.2, 0.1, 0.7], [0.2, 0.1, 0.7], final=2)
    assert searched(sure, 3, width=1).stopped == ("bound",)
    assert searched(sure, 3, width=1, stop="pool").stopped == ("pool",)
    assert searched(sure, 3, width=3, n_best=1).lengths.tolist() == [1]
    only = table([0.5, 0.5, 0.0], [0.0, 0.0, 1.0], [0.3, 0.3, 0.4], final=2)
    assert searched(only, 3, width=4).stopped == ("ended",)
    never = table(*[[0.5, 0.5, 0.0]] * 3, final=2)
    assert searched(never, 3, width=2).stopped == ("length",)
    assert not searched(never, 3, width=2).finished.any()


class Counted(StepEngine):
    """Counts its steps."""

    steps = 0

    def step(self, state):
        self.steps += 1
        return super().step(state)


@pytest.mark.parametrize("row", [[0.3, 0.3, 0.4], [0.5, 0.0, 0.5]])
def test_it_stops_as_soon_as_nothing_can_be_better(row):
    engine = Counted(table(*[row] * 4, final=2))
    found = beam_search(engine, engine.start(1), 4, width=2, n_best=1)
    assert found.symbols.tolist() == [[2]]
    assert found.stopped == ("bound",)
    assert engine.steps == 1


def test_the_pool_rule_may_miss_what_the_bound_finds():
    # With a reward for length the first to end is not the best.
    model = table([0.4, 0.1, 0.5], [0.01, 0.01, 0.98], [0.3, 0.3, 0.4], final=2)
    hasty = searched(model, 3, width=1, stop="pool", reward=SymbolReward(0.5))
    patient = searched(model, 3, width=2, n_best=1, reward=SymbolReward(0.5))
    assert float(patient.score[0]) > float(hasty.score[0])


@pytest.mark.parametrize("ends", [False, True])
def test_sources_side_by_side_are_searched_as_if_alone(ends):
    model = random_model(3, 4, 5, ends=ends, labels=4, sharpness=2)
    engine = StepEngine(model)
    labels = torch.tensor([2, 0, 3, 1, 0])
    together = beam_search(
        engine, engine.start(5, condition={"label": Track(labels)}), 5, width=6, spread=True
    )
    for source, label in enumerate(labels):
        start = engine.start(1, condition={"label": Track(label[None])})
        alone = beam_search(engine, start, 5, width=6, spread=True)
        mine = together.of(source)
        length = alone.symbols.shape[1]
        assert torch.equal(mine.symbols[:, :length], alone.symbols)
        assert torch.equal(mine.log_prob, alone.log_prob)
        assert torch.equal(mine.entropies[:, :length], alone.entropies)
        assert together.stopped[source] == alone.stopped[0]
    assert together.best().source.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("ends", [False, True])
def test_scores_and_entropies_are_those_of_the_sequences(ends):
    model = random_model(5, 4, 5, ends=ends, sharpness=2)
    found = searched(model, 5, width=10, spread=True)
    assert torch.allclose(model.log_prob(found.symbols), found.log_prob)
    for row, symbols in enumerate(found.symbols.tolist()):
        for at in range(found.symbols.shape[1]):
            log_probs = torch.tensor(model.row(symbols[:at]), dtype=torch.float64)
            surprise = -(log_probs.exp() * log_probs).sum() if at < found.lengths[row] else 0
            assert abs(float(found.entropies[row, at]) - float(surprise)) < 1e-5


def test_a_state_goes_on_from_what_it_has_read():
    model = random_model(7, 4, 5)
    engine = StepEngine(model)
    prompt = torch.tensor([[1, 3], [2, 2]])
    found = beam_search(engine, engine.start(2, prompt=prompt), 3, width=16)
    for source, past in enumerate(prompt):
        whole = torch.cat([past.expand(16, 2), found.of(source).symbols], 1)
        before = model.log_prob(past[None])
        assert torch.allclose(model.log_prob(whole) - before, found.of(source).log_prob)


@pytest.mark.parametrize("ends", [False, True])
def test_what_ends_and_what_does_not_have_the_probability_one_together(ends):
    for seed in range(5):
        model = random_model(seed, 4, 4, ends=ends)
        found = searched(model, 4, width=4**4)
        every = enumerate_sequences(model, 4)
        assert len(found) == len(every.symbols)
        assert found.log_prob.exp().sum().isclose(torch.ones((), dtype=torch.float64))


def test_impossible_symbols_are_never_found():
    model = table([0.5, 0.5, 0.0], [1.0, 0.0, 0.0])
    found = searched(model, 2, width=9)
    assert found.symbols.tolist() == [[0, 0], [1, 0]]


class Density(TableModel):
    def advance(self, previous, state):
        return Normal(torch.zeros(previous.shape), 1.0), state


def test_densities_are_refused_by_searches():
    model = Density(torch.zeros(1, 1, 2))
    with pytest.raises(ConfigError, match="Normal is a density over amplitudes: greedy decoding"):
        searched(model, 2)


def test_what_is_not_a_number_is_refused():
    with pytest.raises(RunError, match="row 0 of the search has a log-probability that is not"):
        searched(TableModel(torch.full((1, 1, 3), torch.nan)), 2)


def test_numbers_out_of_range_are_refused():
    model = random_model(0, 3, 2)
    with pytest.raises(ConfigError, match="1 <= n_best <= width, got 3 and 2"):
        searched(model, 2, width=2, n_best=3)
    with pytest.raises(ConfigError, match="at least 1 symbol"):
        searched(model, 0)
    with pytest.raises(ConfigError, match="width must be a whole number of at least 1, got 2.5"):
        searched(model, 2, width=2.5)
    with pytest.raises(ConfigError, match="length must be a whole number of at least 1, got 2.5"):
        searched(model, 2.5)
    with pytest.raises(ConfigError, match="stops by bound or pool, not by 'pol'"):
        searched(model, 2, stop="pol")
    with pytest.raises(ConfigError, match="alpha must be at least 0"):
        LengthPenalty(-1)
