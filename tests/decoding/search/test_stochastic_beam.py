"""Sequences drawn without replacement, against the list of all."""

from collections import Counter
from itertools import permutations

import pytest
import torch
from enumerable import TableModel, enumerate_sequences, random_model
from scipy.stats import chisquare

from typica.core.condition import Track
from typica.core.engine import StepEngine
from typica.core.errors import ConfigError
from typica.core.randomness import seeded, seeded_rows
from typica.decoding.search.stochastic_beam import importance_weights, stochastic_beam

DRAWS = 4000


def drawn(model, length, sources, **settings):
    engine = StepEngine(model)
    settings = {"generator": seeded(0)} | settings
    return stochastic_beam(engine, engine.start(sources), length, **settings)


def sequences_of(found, source):
    return [tuple(row) for row in found.symbols[found.source == source].tolist()]


def rows_of(found, width):
    """Sequences as numbers, (sources, width)."""
    return found.symbols.view(-1, width, found.symbols.shape[1])


@pytest.mark.parametrize("ends", [False, True])
def test_ordered_draws_have_the_probabilities_of_drawing_without_replacement(ends):
    model = random_model(2, 3 if ends else 2, 2, ends=ends)
    every = enumerate_sequences(model, 2)
    probs = {
        tuple(row): float(p)
        for row, p in zip(every.symbols.tolist(), every.log_prob.exp(), strict=True)
    }
    found = drawn(model, 2, 2 * DRAWS, width=2)
    counts = Counter(tuple(map(tuple, pair)) for pair in rows_of(found, 2).tolist())
    pairs = list(permutations(probs, 2))
    expected = [2 * DRAWS * probs[a] * probs[b] / (1 - probs[a]) for a, b in pairs]
    assert sum(counts.values()) == sum(counts[pair] for pair in pairs)
    assert chisquare([counts[pair] for pair in pairs], expected).pvalue > 1e-4


@pytest.mark.parametrize("temperature", [1.0, 0.7])
@pytest.mark.parametrize("ends", [False, True])
def test_estimates_are_unbiased(ends, temperature):
    model = random_model(4, 4, 3, ends=ends, sharpness=1.5)
    every = enumerate_sequences(model, 3)
    values = torch.randn(64, generator=seeded(5), dtype=torch.float64)
    place = torch.tensor([16, 4, 1])
    exact = float((every.log_prob.exp() * values[(every.symbols * place).sum(1)]).sum())

    found = drawn(model, 3, DRAWS, width=4, temperature=temperature)
    weights = importance_weights(found)
    terms = weights * values[(found.symbols * place).sum(1)]

    for column, expected in ((terms, exact), (weights, 1.0)):
        sums = torch.zeros(DRAWS, dtype=torch.float64).index_add(0, found.source, column)
        error = float(sums.std()) / DRAWS**0.5
        assert abs(float(sums.mean()) - expected) < 4 * error
    shares = importance_weights(found, normalised=True)
    sums = torch.zeros(DRAWS, dtype=torch.float64).index_add(0, found.source, shares)
    assert sums.allclose(torch.ones(DRAWS, dtype=torch.float64))


@pytest.mark.parametrize("ends", [False, True])
def test_a_beam_wide_enough_draws_every_sequence_once(ends):
    model = random_model(6, 3, 3, ends=ends)
    every = enumerate_sequences(model, 3)
    found = drawn(model, 3, 2, width=40)
    for source in range(2):
        assert sorted(sequences_of(found, source)) == sorted(map(tuple, every.symbols.tolist()))
        assert importance_weights(found.of(source)).sum().isclose(torch.ones(()).double())
    assert not found.log_draw.any()
    assert found.log_prob.allclose(model.log_prob(found.symbols))


def test_none_comes_twice_and_the_perturbed_fall():
    found = drawn(random_model(8, 4, 5, ends=True), 5, 50, width=9)
    for source in range(50):
        sequences = sequences_of(found, source)
        assert len(set(sequences)) == len(sequences) == 9
        score = found.score[found.source == source]
        assert bool((score[1:] <= score[:-1]).all())


def test_the_first_is_an_ordinary_draw():
    model = random_model(9, 3, 2)
    every = enumerate_sequences(model, 2)
    found = drawn(model, 2, DRAWS, width=3)
    counts = Counter(map(tuple, rows_of(found, 3)[:, 0].tolist()))
    observed = [counts[tuple(row)] for row in every.symbols.tolist()]
    assert chisquare(observed, (DRAWS * every.log_prob.exp()).numpy()).pvalue > 1e-4


def test_sources_draw_as_if_alone_from_generators_of_their_own():
    model = random_model(3, 4, 4, ends=True, labels=3)
    engine = StepEngine(model)
    labels = torch.tensor([2, 0, 1])
    together = stochastic_beam(
        engine, engine.start(3, condition={"label": Track(labels)}), 4, generator=seeded_rows(1, 3)
    )
    for source in range(3):
        start = engine.start(1, condition={"label": Track(labels[source : source + 1])})
        alone = stochastic_beam(engine, start, 4, generator=[seeded_rows(1, 3)[source]])
        assert together.of(source).symbols[:, : alone.symbols.shape[1]].equal(alone.symbols)
        assert together.of(source).log_draw.allclose(alone.log_draw)


def test_very_unlikely_symbols_keep_their_digits():
    model = TableModel(torch.tensor([[[0.0, -40.0, -80.0]]]).log_softmax(-1))
    found = drawn(model, 3, 20, width=3)
    assert found.score.isfinite().all()
    assert found.log_draw.isfinite().all()


def test_numbers_out_of_range_are_refused():
    with pytest.raises(ConfigError, match="width must be a whole number of at least 1, got 0"):
        drawn(random_model(0), 2, 1, width=0)
    with pytest.raises(ConfigError, match="width must be a whole number of at least 1, got 2.5"):
        drawn(random_model(0), 2, 1, width=2.5)
    with pytest.raises(ConfigError, match="at temperature 0 nothing is drawn"):
        drawn(random_model(0), 2, 1, temperature=0)
