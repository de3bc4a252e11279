import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from typica.lab.gaussian_detectors import CASES, auroc, likelihood_auroc, study, typicality_auroc
from typica.lab.study import Bench

# Of the fact sheet, in the order of the study's cases.
LIKELIHOOD = [0.019581, 0.246515, 0.372714, 0.753485, 0.013320, 0.146857, 0.828945, 0.986680]
TYPICALITY = [0.912857, 0.596862, 0.513030, 0.661495, 0.965812, 0.737426, 0.727794, 0.976793]


def test_calculated_aurocs_are_the_published_ones():
    assert [likelihood_auroc(*case) for case in CASES] == pytest.approx(LIKELIHOOD, abs=1e-6)
    assert [typicality_auroc(*case) for case in CASES] == pytest.approx(TYPICALITY, abs=1e-6)


def test_measured_aurocs_are_the_calculated_ones():
    numbers = study(Bench()).numbers

    assert len(numbers) == 2 * len(CASES)
    for number in numbers:
        assert number.value == pytest.approx(number.exact, abs=4 * number.error), number.name
        assert number.error < 0.002


def test_an_auroc_has_the_error_that_repetitions_show():
    rng = np.random.default_rng(0)
    pairs = [(rng.normal(0.5, 1, 100), rng.normal(size=150)) for _ in range(500)]

    found = np.array([auroc(*pair) for pair in pairs])

    labels = np.repeat([0, 1], [100, 150])
    assert found[0, 0] == pytest.approx(roc_auc_score(labels, -np.concatenate(pairs[0])))
    assert found[:, 1].mean() == pytest.approx(found[:, 0].std(), rel=0.15)
