import pytest

from typica.lab import noise_mixture
from typica.lab.study import Bench


def test_the_loss_is_that_of_quadrature_and_reaches_the_bound():
    numbers = {number.name: number for number in noise_mixture.study(Bench()).numbers}

    for dimensions in noise_mixture.DIMENSIONS:
        loss = numbers[f"loss in {dimensions} dimensions"]
        assert loss.value == pytest.approx(loss.exact, abs=4 * loss.error + 1e-8)
        assert loss.value <= numbers["largest loss"].value + 1e-12
    for dimensions in (64, 256, 1024, 3072):
        assert numbers[f"loss in {dimensions} dimensions"].value == pytest.approx(4.60517, abs=1e-3)
