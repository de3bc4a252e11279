"""Levels that draw together: what they are told, and that a cascade is one engine."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_cascade import BEFORE, HOP, Blurred, Toy, engine_of

from typica.core.cascade_engine import CascadeEngine
from typica.core.condition import Track
from typica.core.errors import ConfigError, RunError
from typica.core.randomness import seeded, seeded_rows
from typica.decoding.words import strategy_from
from typica.engines.compiler import compile as compile_engine


def symbols_of(store):
    return torch.cat([drawn.symbols for drawn in store], 1)


def spied(engine):
    """Keep all that each level draws."""
    kept = [[] for _ in engine.engines]
    for one, store in zip(engine.engines, kept, strict=True):

        def draw(*args, inner=one.draw, store=store, **settings):
            drawn = inner(*args, **settings)
            store.append(drawn)
            return drawn

        one.draw = draw
    return kept


@pytest.mark.parametrize("levels", [2, 3])
@pytest.mark.parametrize("backend", ["torch", "auto"])
def test_samples_are_drawn_of_what_the_codes_around_them_say(levels, backend):
    cascade = Toy(levels)
    engine = engine_of(cascade, backend)
    kept = spied(engine)
    start = engine.start(2, prompt=torch.rand(1, 1, 32 * HOP**2) - 0.5)
    drawn = engine.draw(start, 150, generator=seeded(1))

    past = [level.codes for level in start.levels[1:]]
    for number in range(1, levels):
        symbols = symbols_of(kept[number])
        codes = torch.cat([past[number - 1], symbols_of(kept[number - 1])], 1)
        condition = cascade.tell(number, codes)
        at = past[number - 1].shape[1]
        frames = condition["codes"].values[..., at : at + -(-symbols.shape[1] // HOP)]
        inner = start.levels[number].state.leave()
        model = cascade.levels[number]
        told = model.retell(inner.inner, {"codes": condition["codes"]._replace(values=frames)})
        previous = torch.cat([inner.previous[:, None], symbols[:, :-1]], 1)
        expected = model.advance(previous, told)[0].log_prob(symbols)
        found = torch.cat([one.log_prob for one in kept[number]], 1)
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    assert torch.equal(drawn.log_prob, found)
    assert torch.equal(drawn.symbols, symbols)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.integers(1, 7))
def test_a_seed_gives_one_signal_whatever_the_blocks(parts, block):
    engine = engine_of(Toy(3, block))
    whole = engine.draw(engine.start(2), sum(parts), generator=seeded(3), spread=True)

    state, generator, found = engine.start(2), seeded(3), []
    for part in parts:
        found.append(engine.draw(state, part, generator=generator, spread=True))
        state = found[-1].state

    for name in ("symbols", "log_prob", "entropy", "varentropy"):
        joined = torch.cat([getattr(one, name) for one in found], 1)
        torch.testing.assert_close(joined, getattr(whole, name))


def test_rows_do_not_depend_on_those_beside_them():
    engine = engine_of(Toy())
    together = engine.draw(engine.start(3), 60, generator=seeded_rows(5, 3)).symbols
    alone = engine.draw(engine.start(1), 60, generator=seeded_rows(5, 1)).symbols

    assert torch.equal(together[:1], alone)


@pytest.mark.parametrize("backend", ["torch", "auto"])
def test_a_state_is_a_value_that_files_hold(tmp_path, backend):
    engine = engine_of(Toy(3), backend)
    state = engine.draw(engine.start(2), 37, generator=seeded(1)).state
    after = engine.draw(state, 50, generator=seeded(2)).symbols

    state.save(tmp_path / "state")
    loaded = engine_of(Toy(3), "torch").load(tmp_path / "state")

    assert torch.equal(engine.draw(state, 50, generator=seeded(2)).symbols, after)
    assert torch.equal(
        engine_of(Toy(3), "torch").draw(loaded, 50, generator=seeded(2)).symbols, after
    )
    with pytest.raises(RunError, match="another model"):
        engine_of(Toy(2)).load(tmp_path / "state")


def test_streams_split():
    engine = engine_of(Toy(3))
    state = engine.draw(engine.start(2), 37, generator=seeded(1)).state

    split = engine.draw(state.pick([1, 1, 0]), 50, generator=seeded_rows(7, 3)).symbols
    own = engine.draw(state.pick([1]), 50, generator=seeded_rows(7, 1)).symbols

    assert torch.equal(split[:1], own)


def test_going_along_is_told_the_codes_of_what_it_hears():
    cascade = Toy()
    engine, lowest = engine_of(cascade), cascade.levels[-1]
    x = lowest.render(lowest.symbols(torch.rand(2, 1, 12 * HOP) - 0.5))
    symbols = lowest.symbols(x)

    distribution, after = engine.follow(symbols, engine.start(2))

    whole = torch.cat([torch.zeros(2, 1, cascade.context), x], -1)
    expected = lowest.conditionals(whole, cascade.tell(1, cascade.read(whole)[0]))
    expected = expected.log_prob(lowest.symbols(whole))[:, cascade.context :]
    # The end of the silence was told of no codes behind it.
    known = lowest.receptive_field
    found = distribution.log_prob(symbols)
    torch.testing.assert_close(found[:, known:], expected[:, known:], atol=1e-5, rtol=1e-5)
    assert after.levels[-1].left == 0


@pytest.mark.parametrize("levels", [2, 3])
def test_what_follows_the_middle_of_a_code_is_told_that_code(levels):
    cascade = Toy(levels)
    engine, lowest = engine_of(cascade), cascade.levels[-1]
    x = lowest.render(lowest.symbols(torch.rand(1, 1, 12 * HOP - 3) - 0.5))
    symbols = lowest.symbols(x)

    _, after = engine.follow(symbols, engine.start(1))
    distribution, _ = engine.step(after)

    whole = torch.cat([torch.zeros(1, 1, 16 * HOP), x, torch.zeros(1, 1, 3 + HOP * 4)], -1)
    codes = cascade.read(whole[..., : 16 * HOP + -(-x.shape[-1] // cascade.hop) * cascade.hop])
    told = cascade.tell(levels - 1, codes[-2])
    before = 16 * HOP + x.shape[-1]
    expected = lowest.conditionals(whole[..., : before + 1], told).logits[:, -1:]
    torch.testing.assert_close(distribution.logits, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("drawn", [7, 20, 23])
def test_going_along_forgets_codes_that_were_drawn_ahead(drawn):
    cascade = Toy()
    engine = engine_of(cascade)
    kept = spied(engine)
    state = engine.draw(engine.start(1), drawn, generator=seeded(1)).state
    symbols = torch.randint(16, (1, 2 * HOP))

    _, after = engine.follow(symbols, state)

    heard = cascade.read(engine.model.render(symbols))[0]
    before = symbols_of(kept[0])[:, : drawn // HOP]
    expected = torch.cat([before, heard], 1)[:, -BEFORE:]
    assert torch.equal(after.levels[-1].codes[:, -BEFORE:], expected)
    assert after.levels[-1].codes.shape[1] == after.levels[-1].past


def in_parts(engine, symbols, state, length):
    """Return the log-probability of a recording that is gone along part by part."""
    parts = list(engine.follow_in_parts(symbols, state, length))
    assert torch.equal(torch.cat([part for part, _ in parts], 1), symbols)
    return torch.cat([distribution.log_prob(part) for part, distribution in parts], 1)


@pytest.mark.parametrize("backend", ["torch", "auto"])
@pytest.mark.parametrize(
    ("levels", "length", "part", "beginning"),
    [
        (2, 1, 1, "start"),
        (2, 61, 13, "start"),
        (3, 90, 33, "prompt"),
        (3, 64, 16, "drawn"),
        (2, 50, 100, "drawn"),
    ],
)
def test_a_recording_in_parts_is_told_the_codes_of_the_whole(
    backend, levels, length, part, beginning
):
    engine = engine_of(Blurred(levels), backend)
    symbols = torch.randint(16, (2, length), generator=seeded(length))
    prompt = torch.rand(1, 1, 5 * HOP**2, generator=seeded(2)) - 0.5
    state = engine.start(2, prompt=None if beginning == "start" else prompt)
    if beginning == "drawn":
        state = engine.draw(state, 7, generator=seeded(1)).state

    found = in_parts(engine, symbols, state, part)

    expected = engine.follow(symbols, state)[0].log_prob(symbols)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_a_part_knows_nothing_of_what_lies_beyond_the_margin_and_the_codes_ahead():
    cascade = Blurred(2)
    engine, told = engine_of(cascade), cascade.telling[0]
    symbols = torch.randint(16, (1, 40 * HOP), generator=seeded(0))
    beyond = 20 * HOP + told.after * told.hop + cascade.margin
    other = symbols.clone()
    other[:, beyond:] = 15 - other[:, beyond:]

    one, two = (in_parts(engine, each, engine.start(1), 10 * HOP) for each in (symbols, other))

    assert torch.equal(one[:, : 20 * HOP], two[:, : 20 * HOP])
    assert not torch.equal(one[:, 20 * HOP : beyond], two[:, 20 * HOP : beyond])


def test_a_step_needs_codes():
    engine = engine_of(Toy())
    with pytest.raises(RunError, match="not drawn yet: take a strategy"):
        engine.step(engine.start(1))

    drawn = engine.draw(engine.start(1), 3, generator=seeded(1))
    distribution, _ = engine.step(drawn.state)
    assert distribution.batch_shape == (1, 1)


def test_strategies_and_temperatures_are_for_all_levels():
    engine = engine_of(Toy(3), "auto")
    kept = spied(engine)
    for store in kept:
        store.clear()
    engine.draw(engine.start(2), 40, temperature=0.0, generator=seeded(1))
    certain = [symbols_of(store) for store in kept]
    for store in kept:
        store.clear()
    engine.draw(engine.start(2), 40, strategy=strategy_from("top-k=1"), generator=seeded(9))

    for one, other in zip(certain, kept, strict=True):
        assert torch.equal(one, symbols_of(other))


def test_what_a_cascade_is_not_told_is_refused():
    label = {"label": Track(torch.zeros(1, dtype=torch.int64))}
    with pytest.raises(ConfigError, match="is told: none; the condition holds: label"):
        Toy(3).sample(1, 4, condition=label)


def test_short_prompts_are_refused():
    engine = engine_of(Toy(3))
    with pytest.raises(ConfigError, match="at least 16 samples"):
        engine.start(1, prompt=torch.zeros(1, 1, 15))


def test_the_model_draws_and_streams_by_its_own_steps():
    cascade = Toy(3)
    engine = engine_of(cascade)
    expected = engine.draw(engine.start(2), 50, generator=seeded(4)).symbols
    expected = cascade.levels[-1].render(expected)

    drawn = cascade.sample(2, 50, generator=seeded(4))
    stream = cascade.stream(2, generator=seeded(4))

    assert torch.equal(drawn, expected)
    heard = torch.cat([next(stream) for _ in range(60)], -1)[..., :50]
    assert torch.equal(heard, expected)


class Flat(Toy):
    """One level, which needs no past."""

    telling, context = (), 0

    def __init__(self):
        super().__init__(2)
        self.own = self.own[:1]


def test_a_cascade_of_one_level_without_a_context_draws_and_streams():
    cascade = Flat()
    stream = cascade.stream(2, generator=seeded(4))

    heard = torch.cat([next(stream) for _ in range(20)], -1)

    assert torch.equal(heard, cascade.sample(2, 20, generator=seeded(4)))


def test_a_recording_in_parts_is_gone_along_by_one_level_alone():
    engine, symbols = Flat().steps(), torch.randint(16, (1, 30), generator=seeded(0))

    found = in_parts(engine, symbols, engine.start(1), 7)

    expected = engine.follow(symbols, engine.start(1))[0].log_prob(symbols)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_compiling_a_cascade_compiles_its_levels():
    engine = compile_engine(Toy(3))
    kinds = {type(one).__name__ for one in engine.engines}

    assert isinstance(engine, CascadeEngine)
    assert kinds == {"GatedEngine"}
