import pytest

from typica.lab import image_inversion
from typica.lab.image_inversion import RECIPES, USUAL, study
from typica.lab.study import Bench

FLAT = ["constant", "half the contrast", "smoothed"]


def bits(found):
    return {number.name: number.value for number in found.numbers}


def check_inversion(found, system):
    cost = bits(found)
    usual = cost[f"{system}, {USUAL}"]
    rows = {row[1]: row[2:] for row in found.tables[0].rows if row[0] == system}

    for name in FLAT:
        assert cost[f"{system}, {name}"] < usual - 0.3
        assert rows[name][1] < 0.5
    assert cost[f"{system}, uniform noise"] > usual + 1.5
    assert rows["uniform noise"][1] > 0.98
    assert rows["uniform noise"][3] == 1
    assert rows[USUAL][1:3] == pytest.approx([0.5, 0.5])
    assert rows[USUAL][3] < 0.08  # its level is 0.01; the reference are 400 patches
    assert all(name in found.finding for name in FLAT)


def test_a_flow_that_is_hardly_trained_prefers_flat_images_already(monkeypatch):
    glow = RECIPES[1]._replace(steps=80, settings={"steps": 2, "hidden": 16})
    monkeypatch.setattr(image_inversion, "RECIPES", [glow])

    check_inversion(study(Bench()), "glow")


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_three_kinds_of_model_prefer_flat_images():
    found = study(Bench())

    for recipe in RECIPES:
        check_inversion(found, recipe.system)
        # A Gaussian of all 64 pixels, fitted to the same patches, pays 6.76 bits.
        assert bits(found)[f"{recipe.system}, {USUAL}"] < 6.2
    rejected = {tuple(row[:2]): row[5] for row in found.tables[0].rows}
    assert all(rejected[recipe.system, "another photograph"] < 0.1 for recipe in RECIPES)
