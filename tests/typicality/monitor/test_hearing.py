"""What a model says of recordings, tick by tick."""

import numpy as np
import pytest
import torch

from typica.core import registry
from typica.core.condition import Track
from typica.core.drawable import steps_of
from typica.core.engine import StepEngine
from typica.core.errors import DataError
from typica.core.randomness import seeded
from typica.typicality.martingale import martingale_score
from typica.typicality.monitor import hearing
from typica.typicality.monitor.grid import Grid
from typica.typicality.monitor.hearing import BLOCK_TICKS, hear, hear_all, hear_draws

GRID = Grid(1000)


def network(**settings):
    torch.manual_seed(0)
    model = registry.build("wavenet", "tiny", **settings)
    for parameter in model.parameters():
        parameter.data = torch.randn_like(parameter) * 0.3
    return model.eval().requires_grad_(False)


def sound(ticks):
    return 0.3 * torch.randn(1, ticks * GRID.tick, generator=seeded(0)).clamp(-3, 3)


def test_sums_are_those_of_the_martingale_test_whatever_the_blocks():
    model = network()
    audio = sound(2 * BLOCK_TICKS + 3)
    excess, variance, entropy = hear(StepEngine(model), audio, GRID).totals.sum(0)
    with torch.no_grad():
        expected = martingale_score(model, audio[None])

    assert excess == pytest.approx(expected.excess.item(), rel=1e-4, abs=1e-2)
    assert variance == pytest.approx(expected.variance.item(), rel=1e-4)
    assert entropy == pytest.approx(expected.entropy.item(), rel=1e-4)


@pytest.mark.parametrize("name", ["hierarchical_wavenet", "bit_depth", "jukebox"])
def test_all_parts_of_a_recording_are_heard_as_the_whole(name, monkeypatch):
    torch.manual_seed(0)
    model = registry.build(name, "tiny")
    for parameter in model.parameters():
        parameter.data += 0.3 * torch.randn(parameter.shape)
    engine, audio = steps_of(model.eval()), sound(2 * BLOCK_TICKS + 3).clamp(-1, 1)
    parts = hear(engine, audio, GRID).totals
    monkeypatch.setattr(hearing, "BLOCK_TICKS", 1000)

    whole = hear(engine, audio, GRID).totals

    np.testing.assert_allclose(parts, whole, rtol=1e-3, atol=1e-2)


def test_a_rest_of_a_tick_is_left_out_and_a_shorter_recording_is_none():
    engine, audio = StepEngine(network()), sound(3)

    assert len(hear(engine, audio[:, :-1], GRID).totals) == 2
    assert len(hear(engine, audio[:, :5], GRID).totals) == 0
    assert len(hear_all(engine, [audio[:, :5], audio], GRID)) == 1
    with pytest.raises(DataError, match="long enough"):
        hear_all(engine, [audio[:, :5]], GRID)


def test_what_the_model_is_told_counts():
    engine, audio = StepEngine(network(labels=2)), sound(3)
    told = [{"label": Track(torch.tensor([label]))} for label in (0, 1)]

    one, other = hear_all(engine, [(audio, condition) for condition in told], GRID)

    assert not np.allclose(one.totals, other.totals)


def test_draws_are_heard_as_if_they_were_recordings():
    model = network()
    engine = StepEngine(model)
    (drawn, _) = hear_draws(engine, 2, 2 * GRID.tick_s, GRID, generator=seeded(1))
    symbols = engine.draw(engine.start(2), 2 * GRID.tick, generator=seeded(1)).symbols
    again = hear(engine, model.render(symbols[:1])[0], GRID)

    np.testing.assert_allclose(drawn.totals, again.totals, rtol=1e-3, atol=1e-2)
    np.testing.assert_allclose(drawn.frames.spectrum_db, again.frames.spectrum_db, atol=1e-3)
