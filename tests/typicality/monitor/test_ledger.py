"""Sums over windows."""

from dataclasses import replace

import numpy as np

from typica.typicality.monitor.ear import Frames
from typica.typicality.monitor.grid import BANDS, FRAMES_A_TICK, Grid
from typica.typicality.monitor.ledger import Ledger, Steps
from typica.typicality.monitor.reference import Reference
from typica.typicality.monitor.statistics import unlike

GRID = Grid(8000, (0.25, 1.0))
MEAN = np.linspace(-40, -20, BANDS)


def ledger_of(spectra):
    ledger = Ledger.fresh(GRID, replace(Reference.none(), mean_db=MEAN))
    for number in range(len(spectra) // FRAMES_A_TICK):
        part = spectra[number * FRAMES_A_TICK : (number + 1) * FRAMES_A_TICK]
        frames = Frames(part, np.zeros(FRAMES_A_TICK), np.ones(FRAMES_A_TICK))
        ledger = ledger.add(np.array([number, 1.0, 2.0]), frames)
    return ledger


def test_a_window_holds_the_newest_ticks():
    sums = ledger_of(np.zeros((200, BANDS))).window(8)

    assert sums.excess == sum(range(42, 50))
    assert (sums.variance, sums.entropy, sums.power) == (8, 16, 8 * FRAMES_A_TICK)


def test_lags_are_those_of_a_sum_written_out():
    spectra = np.random.default_rng(0).normal(-30, 8, (200, BANDS))
    sums = ledger_of(spectra).window(8)

    x = spectra - MEAN
    newest = range(200 - 8 * FRAMES_A_TICK, 200)
    for index, lag in enumerate(GRID.lags):
        product = sum(float(x[t] @ x[t - lag]) for t in newest)
        scale = sum(x[t] @ x[t] for t in newest) * sum(x[t - lag] @ x[t - lag] for t in newest)
        expected = 1 - product / np.sqrt(scale)
        assert np.isclose(unlike(sums)[index], max(expected, 0) + 1e-3)


def test_a_ledger_is_not_changed_by_what_follows():
    spectra = np.random.default_rng(1).normal(-30, 8, (40, BANDS))
    ledger = ledger_of(spectra)
    before = ledger.rows.copy()

    frames = Frames(spectra[:FRAMES_A_TICK], np.zeros(FRAMES_A_TICK), np.ones(FRAMES_A_TICK))
    ledger.add(np.ones(3), frames)

    np.testing.assert_array_equal(ledger.rows, before)


def test_excess_is_surprisal_less_entropy():
    steps = Steps(np.array([-1.0, -2.0]), np.array([0.5, 0.5]), np.array([0.1, 0.3]))

    np.testing.assert_allclose(steps.totals, [2.0, 0.4, 1.0])
