"""A detector of each kind, with a reference that it can learn from."""

import numpy as np
import pytest

from typica.typicality.detectors.annulus import LatentAnnulus
from typica.typicality.detectors.complexity import InputComplexity
from typica.typicality.detectors.density_of_states import DensityOfStates, DensityOfStatesSVM
from typica.typicality.detectors.ensemble import WAIC
from typica.typicality.detectors.martingale import MartingaleTest
from typica.typicality.detectors.one_point import OnePointTypicality
from typica.typicality.detectors.ratio import LikelihoodRatio
from typica.typicality.detectors.regret import LikelihoodRegret
from typica.typicality.detectors.threshold import LikelihoodThreshold

ONE_COLUMN = [LikelihoodThreshold, OnePointTypicality, LikelihoodRegret, MartingaleTest]
SEVERAL = [
    DensityOfStates,
    DensityOfStatesSVM,
    LikelihoodRatio,
    InputComplexity,
    WAIC,
    LatentAnnulus,
]
CONFORMAL = [kind for kind in ONE_COLUMN + SEVERAL if kind is not MartingaleTest]
FLATTERING = [DensityOfStates, DensityOfStatesSVM]
MODEST = [kind for kind in CONFORMAL if kind not in FLATTERING]


def statistics(kind, count, seed=0):
    """Rows that a detector of this kind calls normal."""
    rng = np.random.default_rng(seed)
    if kind is LikelihoodRegret:
        return rng.gamma(2.0, 5.0, (count, 1))
    if kind is MartingaleTest:
        return rng.normal(size=(count, 1))
    if kind in ONE_COLUMN:
        return -rng.chisquare(50, (count, 1)) / 2
    if kind is LatentAnnulus:
        return rng.normal(size=(count, 20))
    if kind is InputComplexity:
        return np.stack([-rng.gamma(50, 2, count), rng.gamma(60, 2, count)], 1)
    return -100 + rng.normal(size=(count, 3)) @ [[3, 2, 2], [0, 1, 0.2], [0, 0, 0.5]]


def pytest_generate_tests(metafunc):
    kinds = {
        "kind": ONE_COLUMN + SEVERAL,
        "conformal": CONFORMAL,
        "one_column": ONE_COLUMN,
        "flattering": FLATTERING,
        "modest": MODEST,
    }
    for name, values in kinds.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, values)


@pytest.fixture
def draw():
    return statistics
