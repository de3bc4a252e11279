import io
import math
from itertools import pairwise

import numpy as np
import pytest
import soundfile
import torch
from scipy.signal import lfilter

from typica.evaluation.baselines import fit, fit_baselines, left_out, price
from typica.evaluation.counting import Markov, count_pairs
from typica.evaluation.linear_prediction import Predictor, laplace_log_mass
from typica.evaluation.stretches import Stretch, choose
from typica.signal.flac import encode
from typica.signal.quantise import quantiser

RATE = 8000


def priced(kind, train, test):
    """Bits a sample of each baseline, by name, the first sample of `test` being past."""
    fitted = fit(kind, RATE, lambda: [train])
    return {one.name: one.bits(test, 1) / (len(test) - 1) for one in fitted}


def entropy(shares):
    return float(-(shares * np.log2(shares)).sum())


def test_independent_levels_cost_their_entropy():
    shares = np.array([0.4, 0.25, 0.15, 0.1, 0.05, 0.03, 0.01, 0.01])
    train, test = np.random.default_rng(0).choice(8, (2, 200_000), p=shares)

    prices = priced(quantiser("linear", 3), train, test)

    assert prices["uniform"] == 3
    assert prices["unigram"] == pytest.approx(entropy(shares), abs=0.01)
    assert prices["first-order Markov"] == pytest.approx(entropy(shares), abs=0.01)


def test_a_markov_chain_costs_its_entropy_rate():
    rng = np.random.default_rng(0)
    rows = rng.dirichlet(np.full(8, 0.3), 8)
    edges, codes = rows.cumsum(1), [0]
    for draw in rng.random(200_000):
        codes.append(min(7, int((draw > edges[codes[-1]]).sum())))
    chain = np.array(codes)
    stationary = np.linalg.matrix_power(rows, 200)[0]

    prices = priced(quantiser("linear", 3), chain[:100_000], chain[100_000:])

    rate = float(stationary @ [entropy(row + 1e-300) for row in rows])
    assert prices["first-order Markov"] == pytest.approx(rate, abs=0.02)
    assert prices["unigram"] == pytest.approx(entropy(stationary), abs=0.02)


def laplace_process(rng, scale, count=200_000):
    """An autoregression of order 2 with Laplace noise, in amplitudes."""
    return lfilter([1], [1, -1.6, 0.81], rng.laplace(0, scale, count))


def test_a_laplace_autoregression_costs_its_entropy():
    rng, kind = np.random.default_rng(0), quantiser("linear", 16)
    train, test = (kind.encode(torch.from_numpy(laplace_process(rng, 0.005))).numpy() for _ in "ab")

    prices = priced(kind, train, test)

    # Of Laplace noise of scale b, in steps of d = 2 / 65536: log2(2 e b / d) bits.
    expected = math.log2(2 * math.e * 0.005 * 65536 / 2)
    assert prices["linear prediction"] == pytest.approx(expected, abs=0.01)
    assert prices["linear prediction, adaptive scale"] == pytest.approx(expected, abs=0.03)
    assert prices["FLAC"] == pytest.approx(expected, abs=0.2)
    assert "first-order Markov" not in prices


def test_the_adaptive_scale_follows_loud_and_soft():
    rng, kind = np.random.default_rng(0), quantiser("linear", 16)
    halves = [laplace_process(rng, scale, 100_000) for scale in (0.005, 0.0001)]
    codes = kind.encode(torch.from_numpy(np.concatenate(halves))).numpy()

    prices = priced(kind, codes, codes)

    expected = np.mean([math.log2(math.e * b * 65536) for b in (0.005, 0.0001)])
    assert prices["linear prediction, adaptive scale"] == pytest.approx(expected, abs=0.04)
    assert prices["linear prediction"] > expected + 0.5


@pytest.mark.parametrize("name", ["mulaw", "mulaw-rounding", "linear"])
def test_the_probabilities_of_the_next_level_sum_to_one(name):
    kind = quantiser(name, 4)
    past = kind.encode(0.3 * torch.sin(0.1 * torch.arange(500.0))).numpy()
    fitted = fit(kind, RATE, lambda: [past])[:-1]  # FLAC gives no probabilities

    for baseline in fitted:
        prices = [baseline.bits(np.append(past, level), len(past)) for level in range(16)]
        assert np.exp2(-np.array(prices)).sum() == pytest.approx(1, abs=1e-6), baseline.name


@pytest.mark.parametrize("place", [1, 60, 499])
def test_the_future_never_reaches_a_price(place):
    codes = np.random.default_rng(0).integers(0, 256, 500)
    other = codes.copy()
    other[place:] = 128
    fitted = fit(quantiser("mulaw", 8), RATE, lambda: [codes])[:-1]

    for baseline in fitted:
        assert baseline.bits(codes[:place], 1) == baseline.bits(other[:place], 1)
        whole = baseline.bits(codes, 1)
        parts = baseline.bits(codes[:place], 1) if place > 1 else 0
        assert whole == pytest.approx(parts + baseline.bits(codes, place), abs=1e-3)


def test_pairs_never_seen_are_dear_and_not_impossible():
    markov = Markov(count_pairs(np.array([0, 1] * 1000), 4))

    assert 0 < markov.bits(np.array([0, 1]), 1) < 0.1
    assert 3 < markov.bits(np.array([0, 0]), 1) < 20
    assert math.isfinite(markov.bits(np.array([3, 3]), 1))


def test_the_table_trusts_few_pairs_little_and_clear_ones_much():
    few = np.random.default_rng(0).integers(0, 16, 300)
    clear = np.tile(np.arange(16), 200)

    assert Markov(count_pairs(few, 16)).strength >= 100
    assert Markov(count_pairs(clear, 16)).strength <= 1


def test_silence_and_one_level_alone_can_be_priced():
    prices = priced(quantiser("mulaw", 8), np.full(4000, 128), np.full(4000, 128))

    assert all(math.isfinite(price) for price in prices.values())
    assert prices["linear prediction"] < 0.2


def test_the_mass_of_a_laplace_distribution_is_exact_in_far_tails():
    edges = np.array([-np.inf, -900.0, -2.0, 0.5, 3.0, 900.0, np.inf])

    mass = laplace_log_mass(edges[:-1], edges[1:], 1.0)

    exact = [
        -900 - math.log(2),
        math.log(math.exp(-2) / 2) + math.log1p(-math.exp(-898)),
        math.log(1 - math.exp(-2) / 2 - math.exp(-0.5) / 2),
        math.log((math.exp(-0.5) - math.exp(-3)) / 2),
        math.log(math.exp(-3) / 2),
        -900 - math.log(2),
    ]
    assert mass == pytest.approx(exact, rel=1e-12)


def test_the_predictor_finds_the_recurrence():
    train = laplace_process(np.random.default_rng(0), 0.005)
    kind = quantiser("linear", 16)
    codes = kind.encode(torch.from_numpy(train)).numpy()

    found = Predictor(kind, lambda: [codes])

    assert found.filter[:4] == pytest.approx([1, -1.6, 0.81, 0], abs=0.02)
    assert found.scale == pytest.approx(0.005, rel=0.02)


@pytest.mark.parametrize("bits", [4, 8, 10, 16])
def test_flac_holds_the_levels_and_its_file_is_what_is_counted(bits):
    codes = np.random.default_rng(0).integers(0, 1 << bits, 5000)

    file = encode(codes, 1 << bits, RATE)

    samples, rate = soundfile.read(io.BytesIO(file), dtype="int16")
    assert rate == RATE
    assert np.array_equal((samples.astype(int) >> (16 - bits)) + (1 << (bits - 1)), codes)
    assert bits < 8 * len(file) / 5000 < bits + 1


def test_baselines_of_a_corpus_are_ordered_as_music_orders_them(corpus):
    kind, stretches = quantiser("mulaw", 8), choose(corpus, "test", 2.0)

    prices = price(fit_baselines(corpus, kind), corpus, stretches, kind)

    bits = {one.name: one.mean.value for one in prices}
    order = ["linear prediction", "first-order Markov", "unigram", "uniform"]
    assert all(bits[a] < bits[b] for a, b in pairwise(order))
    assert {one.measure for one in prices} == {"8-bit mu-law levels"}
    assert prices[0].samples == [one.length for one in stretches]
    assert left_out(kind) == []


def test_a_baseline_is_given_the_past_of_a_stretch(corpus):
    kind = quantiser("mulaw", 8)
    markov = fit_baselines(corpus, kind)[2]
    recording = corpus.recordings("test")[0]
    codes = kind.encode(corpus.audio(recording)[0]).numpy()

    inside = price([markov], corpus, [Stretch(recording, 700, 900)], kind)[0].bits[0]
    beginning = price([markov], corpus, [Stretch(recording, 0, 200)], kind)[0].bits[0]

    assert inside == pytest.approx(markov.bits(codes[:900], 700))
    assert beginning == pytest.approx(markov.bits(np.append(128, codes[:200]), 1))


def test_a_large_alphabet_has_no_markov_baseline_and_says_so(corpus):
    kind = quantiser("linear", 16)

    names = [one.name for one in fit_baselines(corpus, kind)]

    assert names == [
        "uniform",
        "unigram",
        "linear prediction",
        "linear prediction, adaptive scale",
        "FLAC",
    ]
    assert "First-order Markov is left out: a table of 65536 x 65536" in left_out(kind)[0]
