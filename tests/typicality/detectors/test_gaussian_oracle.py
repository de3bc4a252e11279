"""Likelihood and typicality where every AUROC is known: N(0, I) against N(0, s^2 I)."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import chi2, f
from sklearn.metrics import roc_auc_score

from typica.typicality.detectors.density_of_states import DensityOfStates
from typica.typicality.detectors.one_point import OnePointTypicality
from typica.typicality.detectors.threshold import LikelihoodThreshold

# (dimensions, s): AUROC of likelihood, AUROC of one-point typicality; the fact sheet's.
SHEET = {
    (10, 0.5): (0.019581, 0.912857),
    (10, 0.8): (0.246515, 0.596862),
    (10, 0.9): (0.372714, 0.513030),
    (10, 1.25): (0.753485, 0.661495),
    (100, 0.8): (0.013320, 0.965812),
    (100, 0.9): (0.146857, 0.737426),
    (100, 1.1): (0.828945, 0.727794),
    (100, 1.25): (0.986680, 0.976793),
}
COUNT = 100_000
ERROR = 4 * np.sqrt(1 / 6 / COUNT)  # at most, of a measured AUROC


def exact_likelihood(dimensions, scale):
    """P(s^2 A > B) of two chi-square variables: a tail of the F distribution."""
    return f.sf(1 / scale**2, dimensions, dimensions)


def exact_typicality(dimensions, scale):
    """P(|s^2 A - K| > |B - K|), the outer probability integrated numerically."""

    def integrand(square):
        away = abs(scale**2 * square - dimensions)
        inside = chi2.cdf(dimensions + away, dimensions) - chi2.cdf(dimensions - away, dimensions)
        return chi2.pdf(square, dimensions) * inside

    ends = chi2.ppf([1e-13, 1 - 1e-13], dimensions)
    return quad(integrand, *ends, points=[dimensions / scale**2], epsabs=1e-10, limit=400)[0]


def squares(dimensions, scale=1.0, seed=0):
    return scale**2 * np.random.default_rng(seed).chisquare(dimensions, COUNT)


def auroc(detector, log_probs, odd):
    scores = np.concatenate([detector.score_samples(log_probs), detector.score_samples(odd)])
    return roc_auc_score(np.repeat([0, 1], COUNT), -scores)


@pytest.mark.parametrize("case", SHEET)
def test_the_sheets_aurocs_are_exact(case):
    likelihood, typicality = SHEET[case]

    assert exact_likelihood(*case) == pytest.approx(likelihood, abs=1e-6)
    assert exact_typicality(*case) == pytest.approx(typicality, abs=1e-6)


@pytest.mark.parametrize("case", SHEET)
def test_detectors_measure_the_exact_aurocs(case):
    dimensions, scale = case
    # Log-likelihoods up to a constant, which is in the entropy too.
    reference, inside = -squares(dimensions) / 2, -squares(dimensions, seed=1) / 2
    odd = -squares(dimensions, scale, seed=2) / 2
    likelihood = LikelihoodThreshold().fit(reference)
    typicality = OnePointTypicality(entropy=dimensions / 2).fit(reference)

    measured = auroc(likelihood, inside, odd), auroc(typicality, inside, odd)

    assert measured == pytest.approx(SHEET[case], abs=ERROR)


def test_the_likelihood_fails_where_typicality_does_not():
    reference, inside, odd = (-squares(100, s, seed) / 2 for s, seed in ((1, 0), (1, 1), (0.8, 2)))

    likelihood = auroc(LikelihoodThreshold().fit(reference), inside, odd)
    typicality = auroc(OnePointTypicality().fit(reference), inside, odd)

    assert likelihood < 0.02
    assert typicality > 0.96


def test_density_of_states_ranks_one_symmetric_statistic_as_typicality_does():
    rng = np.random.default_rng(0)
    reference, rows = rng.normal(-500, 7, 200_000), rng.uniform(-540, -460, 2000)

    density = DensityOfStates().fit(reference[:, None]).score_samples(rows[:, None])
    typicality = OnePointTypicality().fit(reference).score_samples(rows)

    ranks = np.argsort(np.argsort(density)), np.argsort(np.argsort(typicality))
    assert np.corrcoef(ranks)[0, 1] > 0.998


def test_one_point_typicality_takes_the_entropy_or_the_references_mean():
    rows = np.array([-3.0, -5.0, -10.0])

    given = OnePointTypicality(entropy=5.0).fit(rows)
    estimated = OnePointTypicality().fit(rows)

    assert list(given.score_samples(rows)) == [-2, 0, -5]
    assert estimated.entropy_ == 6
    assert list(estimated.score_samples(rows)) == [-3, -1, -4]


def test_a_point_of_the_right_radius_is_typical_however_regular():
    reference = -squares(100) / 2
    constant = np.full(5, -100 / 2)  # the vector (1, ..., 1)

    assert (OnePointTypicality().fit(reference).p_values(constant) > 0.9).all()
