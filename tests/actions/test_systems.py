"""What a system is explained by."""

import pytest

from typica.actions.systems import explain


@pytest.mark.parametrize(("name", "competes"), [("vqvae", True), ("jukebox", False)])
def test_settings_of_a_population_are_told_of_what_can_compete(name, competes):
    told = {one.name: one for one in explain(name).settings}
    assert ("population.explore" in told) == competes
    assert all(one.meaning for one in told.values())
