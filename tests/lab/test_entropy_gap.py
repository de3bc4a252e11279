import pytest

from typica.lab import entropy_gap
from typica.lab.study import Bench


@pytest.fixture(scope="module")
def found():
    return entropy_gap.study(Bench())


@pytest.fixture(scope="module")
def numbers(found):
    return {number.name: number for number in found.numbers}


@pytest.mark.parametrize(
    ("name", "exact"),
    [
        ("KL(mirage || Gaussian), K = 10", 4.42856),
        ("KL(Gaussian || mirage), K = 10", 0.82313),
    ],
)
def test_samples_agree_with_the_divergences(numbers, name, exact):
    number = numbers[name]

    assert number.exact == pytest.approx(exact, abs=5e-6)
    assert abs(number.value - number.exact) < 4 * number.error


def test_the_gap_is_two_thirds_of_a_nat_a_dimension_or_nearly(numbers):
    gap = numbers["(H_N - H_M) / K, K = 10^6"]

    assert gap.exact == pytest.approx(0.635181423)
    assert gap.value == pytest.approx(gap.exact, abs=1e-5)
    assert numbers["H of the mirage, K = 1"].value == pytest.approx(1.4189385332)


def test_the_two_come_to_overlap_in_nothing(numbers, found):
    assert numbers["total variation, K = 100"].value == pytest.approx(0.822226, abs=5e-7)
    assert found.tables[0].rows[-1][3:] == ["6.56118", "0.997257"]
