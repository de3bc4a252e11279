import numpy as np
import pytest

from typica.lab.blind_spots import ODD, draw, log_probs, study
from typica.lab.study import Bench


@pytest.mark.parametrize("name", ODD)
def test_all_have_the_entropy_for_mean_surprisal(name):
    surprisals = -log_probs(draw(name, np.random.default_rng(0)))

    error = 4 * surprisals.std() / np.sqrt(len(surprisals))
    assert surprisals.mean() == pytest.approx(50, abs=error + 1e-9)


def test_who_sees_what():
    rows = {name: shares for name, *shares in study(Bench()).tables[0].rows}

    # One-point typicality, the batch test, the evenness of p-values, further statistics.
    assert rows["on the sphere"][:2] == rows["constant vector"][:2] == [0, 0]
    assert rows["on the sphere"][2] == rows["constant vector"][2] == 1
    assert rows["on the sphere"][3] < 0.01
    assert rows["constant vector"][3] == 1
    assert rows["narrow or wide"][2] > 0.99 > 0.6 > rows["narrow or wide"][1]
    assert rows["model's own"] == pytest.approx([0.01] * 4, abs=0.011)
