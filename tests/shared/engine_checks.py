"""What the engine of any network must do: one test of these for each kind of engine."""

import pytest
import torch

from typica.core.engine import StepEngine
from typica.core.randomness import seeded, seeded_rows
from typica.core.spread import spread
from typica.decoding.words import strategy_from
from typica.engines.compiler import EngineWarning, compile
from typica.engines.cost import precision_cost


def check_draws(model, condition, length):
    """Draws and what is thought of them are those of the module's own steps."""
    engine, steps = compile(model, backend="c++"), StepEngine(model)

    drawn, slow = (
        one.draw(one.start(2, condition=condition), length, generator=seeded(1), spread=True)
        for one in (engine, steps)
    )

    assert torch.equal(drawn.symbols, slow.symbols)
    for name in ("log_prob", "log_draw", "entropy", "varentropy"):
        found, expected = getattr(drawn, name), getattr(slow, name)
        torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-3)


def check_strategy(model, words, length):
    """A strategy chooses as it does on the module's own steps."""
    engine, steps = compile(model, backend="c++"), StepEngine(model)

    drawn, slow = (
        one.draw(one.start(2), length, strategy=strategy_from(words), generator=seeded(1))
        for one in (engine, steps)
    )

    assert torch.equal(drawn.symbols, slow.symbols)
    torch.testing.assert_close(drawn.log_draw, slow.log_draw, atol=1e-3, rtol=1e-3)


def check_alone(model, length):
    """A stream does not depend on how many others there are."""
    engine = compile(model, backend="c++", threads=2)
    several = engine.draw(engine.start(37), length, generator=seeded_rows(1, 37)).symbols

    alone = engine.draw(engine.start(1), length, generator=seeded_rows(1, 1)).symbols

    assert torch.equal(several[:1], alone)


def check_picked(model, condition, before, length):
    """Streams that are picked of three go on as themselves."""
    engine = compile(model, backend="c++")
    state = engine.draw(engine.start(3, condition=condition), before, generator=seeded(1)).state

    picked = state.pick([2, 0, 2])

    whole, some = (engine.draw(one, length, temperature=0).symbols for one in (state, picked))
    assert torch.equal(some, whole[[2, 0, 2]])


def check_saved(model, condition, path, before, length):
    """A state in a file goes on in the engine and on the module's own steps."""
    engine, steps = compile(model, backend="c++"), StepEngine(model)
    state = engine.draw(engine.start(2, condition=condition), before, generator=seeded(1)).state
    state.save(path)

    ways = [
        one.draw(one.load(path), length, generator=seeded(2)).symbols for one in (engine, steps)
    ]

    expected = engine.draw(state, length, generator=seeded(2)).symbols
    assert all(torch.equal(way, expected) for way in ways)


def check_rounded(model, audio, weights, most):
    """Rounded weights cost something, and at most so many nats."""
    engine = compile(model, backend="c++", weights=weights)

    cost = precision_cost(engine, model, audio)

    assert weights in engine.name
    assert 0 < cost.kl < most


def check_spread(model):
    """Entropies and their variances are those of the conditionals."""
    engine = compile(model, backend="c++")

    drawn = engine.draw(engine.start(2), 50, temperature=0.7, generator=seeded(1), spread=True)

    conditionals = model.conditionals(model.render(drawn.symbols))
    for found, expected in zip(
        (drawn.entropy, drawn.varentropy), spread(conditionals), strict=True
    ):
        torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-3)


def check_compiler_missing(model):
    """Without a compiler the module takes its own steps, and that is said."""
    with pytest.warns(EngineWarning, match="until then the module takes its own steps"):
        engine = compile(model)

    assert isinstance(engine, StepEngine)
