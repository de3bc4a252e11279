import numpy as np
import pytest
import torch

from typica.core.engine import StepEngine
from typica.core.progress import SILENT
from typica.core.randomness import seeded
from typica.lab import trap_domain as subject
from typica.lab.trap_domain import ANCESTRAL, Levels, Score, Sequences, decode, drawn, many_ways
from typica.lab.tunes import TuneModel, TuneModelConfig, endless

END = 4


@pytest.fixture(scope="module")
def engine():
    torch.manual_seed(0)
    config = TuneModelConfig(6, 3, END, embedding=4, hidden=5)
    network = TuneModel(config).eval().requires_grad_(False)
    for parameter in network.parameters():
        parameter.data *= 3  # the past decides
    return StepEngine(network)


def test_what_is_decoded_is_priced_to_its_end_and_no_further(engine):
    state = engine.start(2)
    symbols = torch.tensor([[0, 1, END, END], [2, 2, 2, 2], [END, END, END, END]])
    sequences = Sequences(symbols, np.array([0, 1, 1]), np.array(["a"] * 3))

    scored = subject.score(engine, state, sequences)

    assert scored.nll == pytest.approx(-engine.model.log_prob(symbols).numpy())
    assert scored.length.tolist() == [3, 4, 1]
    first = engine.model.conditionals(symbols[2:])
    assert scored.entropy[2] == pytest.approx(first.entropy()[0, 0].item(), rel=1e-5)


def test_the_martingale_of_ancestral_samples_has_mean_zero(engine):
    ways = [drawn(ANCESTRAL, times=1500)]
    found = decode(engine, engine.start(1), 12, ways, seeded(0), SILENT)
    scored = subject.score(engine, engine.start(1), found)
    excess = scored.nll - scored.entropy
    assert abs(excess.mean()) < 4 * excess.std() / np.sqrt(len(excess))
    assert np.var(excess) == pytest.approx(scored.variance.mean(), rel=0.2)


def test_rows_that_have_ended_stay_ended(engine):
    found = decode(engine, engine.start(300), 15, many_ways(1), seeded(1), SILENT)
    ended = (found.symbols == END).cumsum(1) > 0
    assert bool(ended.any())
    assert bool((found.symbols == END)[ended].all())


def test_all_ways_decode_from_all_rows_at_one_length(engine):
    ways = many_ways(times=1)
    found = decode(engine, engine.start(3), 9, ways, seeded(2), SILENT)

    assert found.symbols.shape == (3 * sum(way.times for way in ways), 9)
    assert {way.name for way in ways} == set(found.way)
    for way in ways:
        assert np.bincount(found.row[found.way == way.name]).tolist() == [way.times] * 3
    cost = subject.score(engine, engine.start(3), found).nll
    mean = {way.name: cost[found.way == way.name].mean() for way in ways}
    assert mean["beam 20"] <= mean["greedy"] + 1e-6
    assert mean["T = 0.3"] < mean["T = 1.5"]


def test_places_are_costs_above_those_of_own_samples():
    own = Score(np.array([2.0, 4, 9, 11]), np.zeros(4), np.ones(4), np.array([2, 4, 5, 5]))
    levels = Levels.of(np.array([0, 0, 1, 1]), own)

    assert levels.entropy.tolist() == [3, 10]
    assert levels.length.tolist() == [3, 5]
    # Each own sample lies among the others of its row.
    assert levels.own == pytest.approx([-2 / 3, 2 / 3, -2 / 5, 2 / 5])
    other = Score(np.array([6.0, 5]), np.zeros(2), np.zeros(2), np.array([3, 3]))
    assert levels.d(np.array([0, 1]), other.nll) == pytest.approx([1, -1])
    assert other.z.tolist() == [0, 0]  # where nothing could vary


def test_rows_without_samples_have_no_level_and_spoil_no_other():
    own = Score(np.array([2.0, 4, 9]), np.zeros(3), np.ones(3), np.array([2, 4, 5]))
    levels = Levels.of(np.array([0, 0, 2]), own, count=4)
    assert levels.known.tolist() == [True, False, False, False]
    assert levels.entropy[0] == 3
    assert levels.own == pytest.approx([-2 / 3, 2 / 3])
    assert np.isnan(levels.d(np.array([3]), np.array([1.0])))


def test_samples_that_are_drawn_again_stay_in_their_rows():
    generator = np.random.default_rng(0)
    row = generator.permutation(np.repeat([0, 1, 2], 50))
    nll = 10.0 * row + generator.normal(size=150)
    levels = Levels.of(row, Score(nll, nll, nll, np.full(150, 5)))
    again = [levels.again(generator).entropy for _ in range(300)]
    assert np.mean(again, 0) == pytest.approx(levels.entropy, abs=0.05)
    spread = [nll[row == one].std() / np.sqrt(50) for one in range(3)]
    assert np.std(again, 0) == pytest.approx(spread, rel=0.2)


def test_selective_sampling_keeps_what_lies_in_its_band(engine):
    other = StepEngine(endless(engine.model))
    found = decode(other, other.start(6), 9, [subject.selected(0.5, 3)], seeded(3), SILENT)
    z = subject.score(other, other.start(6), found).z
    assert ((z > 0.45) & (z < 3.05)).all()
    assert found.row.tolist() == list(range(6))
    assert not bool((found.symbols == END).any())


def test_where_no_tune_may_end_the_rest_is_as_likely_as_before_beside_each_other(engine):
    other = endless(engine.model)
    symbols = torch.tensor([[0, 2, 1]])
    with_end = engine.model.conditionals(symbols).logits.log_softmax(-1)
    without = other.conditionals(symbols).logits
    assert bool((without[..., END] == -torch.inf).all())
    kept = [number for number in range(6) if number != END]
    expected = with_end[..., kept].log_softmax(-1)
    assert torch.allclose(without[..., kept], expected, atol=1e-5)
