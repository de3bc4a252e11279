"""Detectors that hold a likelihood against something else, and those of latents and steps."""

import math
import zlib

import numpy as np
import pytest
from scipy.stats import norm

from typica.core.errors import ConfigError, ShapeError
from typica.typicality.detectors.annulus import LatentAnnulus
from typica.typicality.detectors.base import StatisticError
from typica.typicality.detectors.complexity import InputComplexity
from typica.typicality.detectors.ensemble import WAIC
from typica.typicality.detectors.martingale import MartingaleTest
from typica.typicality.detectors.ratio import LikelihoodRatio
from typica.typicality.detectors.regret import LikelihoodRegret


@pytest.fixture
def log_probs():
    return -np.random.default_rng(0).gamma(50, 2, 200)


def test_a_model_that_is_its_own_background_explains_nothing(log_probs):
    twice = np.stack([log_probs] * 2, axis=1)

    assert np.all(LikelihoodRatio().fit(twice).score_samples(twice) == 0)


def test_several_backgrounds_are_mixed_evenly(log_probs):
    rows = np.stack([log_probs, log_probs - 1, log_probs - 3], axis=1)

    scores = LikelihoodRatio().fit(rows).score_samples(rows)

    assert scores == pytest.approx(-math.log((math.exp(-1) + math.exp(-3)) / 2))


def test_an_impossible_background_speaks_for_an_example(log_probs):
    rows = np.stack([log_probs, log_probs - 1], axis=1)
    detector = LikelihoodRatio().fit(rows)

    scores = detector.score_samples([[-3, -np.inf], [-np.inf, -np.inf], [-np.inf, -3]])

    assert list(scores) == [np.inf, -np.inf, -np.inf]


def test_members_that_agree_have_their_log_likelihood_for_score(log_probs):
    rows = np.stack([log_probs] * 5, axis=1)

    assert WAIC().fit(rows).score_samples(rows) == pytest.approx(log_probs, rel=1e-12)


def test_the_variance_of_an_ensemble_is_unbiased():
    rows = np.array([[-1.0, -2.0, -6.0]])

    assert WAIC().fit(rows).score_samples(rows) == pytest.approx([-3 - 7])


def test_the_shortest_code_counts_and_noise_is_more_complex_than_a_constant():
    rng = np.random.default_rng(0)
    inputs = [np.full(1024, 7, np.uint8), rng.integers(0, 256, 1024, np.uint8)]
    lengths = [8.0 * len(zlib.compress(one.tobytes())) for one in inputs]
    uniform = -1024 * math.log(256)  # in nats: 8 bits a number
    rows = np.array([[uniform, bits, 8 * 1024] for bits in lengths])

    constant, noise = InputComplexity().fit(rows).score_samples(rows)

    # A model that knows nothing of constants explains one far worse than a codec does.
    assert noise == pytest.approx(0, abs=1e-9)
    assert constant == pytest.approx((lengths[0] - 8 * 1024) * math.log(2))


@pytest.mark.parametrize("comparison", [LikelihoodRatio, InputComplexity, WAIC])
def test_a_comparison_needs_two(comparison, log_probs):
    with pytest.raises(ShapeError, match="takes 2 or more statistics an example, got X with 1"):
        comparison().fit(log_probs[:, None])


def test_latents_of_the_prior_lie_on_its_sphere():
    latents = np.random.default_rng(0).normal(size=(2000, 64))

    prior, own = LatentAnnulus().fit(latents), LatentAnnulus(radius="reference").fit(3 * latents)

    assert prior.radius_ == 8
    assert own.radius_ == pytest.approx(24, rel=0.02)
    assert LatentAnnulus(radius=2).fit(latents).score_samples(np.zeros((1, 64))) == [-2]
    assert list(prior.predict([np.ones(64), np.zeros(64), np.full(64, 2.0)])) == [1, -1, -1]
    with pytest.raises(ConfigError, match='"prior", "reference" or a number'):
        LatentAnnulus(radius="posterior").fit(latents)


def test_a_regret_is_never_negative():
    detector = LikelihoodRegret().fit([0.0, 3.0, 5.0])

    assert list(detector.score_samples([0.0, 9.0])) == [0, -9]
    with pytest.raises(StatisticError, match="a regret of -1; the fit must start from"):
        detector.predict([2.0, -1.0])


def test_martingale_p_values_are_uniform_without_a_reference():
    z = np.random.default_rng(0).normal(size=100_000)

    p_values = MartingaleTest().p_values(z)

    grid = np.linspace(0.01, 0.99, 50)
    found = (p_values[:, None] <= grid).mean(axis=0)
    assert found == pytest.approx(grid, abs=4 * 0.5 / math.sqrt(100_000))


def test_a_martingale_test_is_two_sided_at_its_level():
    edge = norm.isf(0.025)
    z = [edge - 1e-9, edge + 1e-9, -edge + 1e-9, -edge - 1e-9]

    assert list(MartingaleTest(alpha=0.05).predict(z)) == [1, -1, 1, -1]
    assert MartingaleTest(alpha=0.05).p_values([edge, -edge, 0]) == pytest.approx([0.05, 0.05, 1])
    assert MartingaleTest().p_values([-np.inf]) == [0]
