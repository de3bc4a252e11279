import pytest

from typica.core.randomness import seeded
from typica.lab import parzen
from typica.lab.study import Bench


def test_in_ten_dimensions_windows_fall_short_and_centroids_win(monkeypatch):
    monkeypatch.setattr(parzen, "SAMPLES", 4000)
    monkeypatch.setattr(parzen, "FEW", 400)

    row = parzen._row(10, seeded(0), seed=0)

    assert row.exact == pytest.approx(-14.189, abs=4 * (5 / 1000) ** 0.5)
    assert row.parzen < row.exact - 4 * row.parzen_error
    assert row.centroids > row.samples + 4 * row.centroids_error


@pytest.mark.slow
def test_in_a_hundred_dimensions_centroids_win_by_many_nats():
    last = parzen.study(Bench()).tables[0].rows[-1]

    assert last.parzen == pytest.approx(-158.9, abs=1.5)
    assert 14 < last.centroids - last.samples < 18
