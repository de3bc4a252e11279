import pytest

from typica.lab.batch_power import SIZES, exact_threshold, rejection, study
from typica.lab.study import Bench


def test_thresholds_and_powers_are_the_fact_sheets():
    thresholds = [exact_threshold(size) for size in SIZES]

    narrow = [rejection(size, nats, 0.9) for size, nats in zip(SIZES, thresholds, strict=True)]
    wide = [rejection(size, nats, 1.1) for size, nats in zip(SIZES, thresholds, strict=True)]

    assert thresholds == pytest.approx([18.42287, 12.94832, 5.76559, 3.64424], abs=6e-6)
    assert narrow == pytest.approx([0.05035, 0.19953, 0.97812, 0.9999995], abs=6e-6)
    assert wide == pytest.approx([0.17489, 0.33266, 0.96268, 0.99998], abs=6e-6)


def test_measured_sizes_and_powers_are_the_exact_ones():
    result = study(Bench())

    for number in result.numbers:
        # Where next to every batch is rejected, one more or less is no error.
        assert number.value == pytest.approx(number.exact, abs=4 * number.error + 2 / 20_000)
    few, default, many = (row[2] for row in result.tables[1].rows)
    assert few > 5 * default > 10 * many
    assert all(abs(row[1] - 0.01) < 0.002 for row in result.tables[1].rows[1:])
