import pytest

from typica.lab import pixel_digits
from typica.lab.study import Bench

TINY = pixel_digits.Recipe(layers=2, features=16, steps=80, draws=60)


def table(study):
    return {name: row for name, _, *row in study.tables[0].rows}


@pytest.fixture(scope="module")
def found():
    return table(pixel_digits.study(Bench(), TINY))


def test_the_colder_a_sample_the_likelier_it_is(found):
    costs = [found[name][0] for name in ("greedy", "T = 0.4", "T = 0.7", "own samples")]
    assert costs == sorted(costs)
    assert found["T = 0.4"][1] < 0.1


def test_what_is_spoilt_is_less_likely_than_digits(found):
    for name in ("half the contrast", "inverted", "pixels shuffled", "uniform noise"):
        assert found[name][1] > 0.8, name


def test_usual_digits_are_told_from_themselves_by_chance(found):
    assert found["held-out digits"][1:] == [0.5, 0.5]


def test_the_global_randomness_is_left_alone():
    import torch

    before = torch.get_rng_state()
    pixel_digits.study(Bench(), TINY._replace(steps=1, draws=2))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_blank_and_cold_images_are_too_likely_and_typicality_finds_them(seed):
    study = pixel_digits.study(Bench(seed))
    found = table(study)

    usual = found["held-out digits"][0]
    assert abs(found["own samples"][0] - usual) < 6
    # How likely the blank image is differs between trainings: 46 to 100 bits.
    assert found["all 0"][1] < 0.3
    assert found["greedy"][0] < usual - 30
    assert found["greedy"][1] < 0.05
    assert found["greedy"][2] > 0.95
    assert found["T = 0.4"][1] < 0.1
    assert found["T = 0.4"][2] > 0.85
    for name in ("all 8", "all 16", "half the levels", "half the contrast", "inverted"):
        assert found[name][1] > 0.95, name
