"""What is wanted of a decoder reaches what it draws."""

from enumerable import random_model

from typica.core.engine import StepEngine
from typica.core.randomness import seeded
from typica.decoding.decoder import Wanted
from typica.decoding.plan import plan_from


def test_minimum_bayes_risk_draws_its_samples_at_the_temperature_that_is_wanted():
    engine = StepEngine(random_model(3, levels=3, depth=4, ends=True))

    found = {}
    for temperature in (0.3, 1.0):
        wanted = Wanted(engine, 2, 4, generator=seeded(1), temperature=temperature)
        found[temperature] = plan_from("mbr=60").decode(wanted).generation

    assert found[1.0].log_draw.allclose(found[1.0].log_prob)
    assert not found[0.3].log_draw.isclose(found[0.3].log_prob).any()
