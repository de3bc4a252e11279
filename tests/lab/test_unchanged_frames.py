import numpy as np
import pytest

from typica.lab import unchanged_frames
from typica.lab.study import Bench


@pytest.fixture(scope="module")
def rows():
    return unchanged_frames.study(Bench()).tables[0].rows


def test_a_finer_grid_holds_more_of_nothing_and_spends_less_on_it(rows):
    for before, after in zip(rows, rows[1:], strict=False):
        assert after.unchanged > before.unchanged
        assert after.price_unchanged < before.price_unchanged
        assert after.bits_a_second > before.bits_a_second
    assert rows[-1].unchanged > 0.98
    assert rows[-1].price_unchanged < 0.2


def test_frames_of_a_pitch_are_priced_by_a_distribution():
    rolls = [np.random.default_rng(0).integers(2, size=(50, 128), dtype=np.uint8)]

    np.testing.assert_allclose(np.exp(-unchanged_frames._prices(rolls)).sum(2), 1)
