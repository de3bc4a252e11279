"""Slices drawn side by side: as likely as they are scored, in any blocks, from any state."""

import functools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from typica.core import registry
from typica.core.condition import Track
from typica.core.errors import ConfigError, RunError
from typica.core.randomness import seeded, seeded_rows
from typica.core.sliced_engine import SlicedEngine
from typica.core.slices import sliced
from typica.core.strategy import Choice, Strategy
from typica.decoding.words import strategy_from
from typica.engines.compiler import compile as compile_engine

WAVENET = {"system": "wavenet", "stacks": 1, "layers": 3, "channels": 4, "gate": 4, "skip": 8}
GAUSSIAN = WAVENET | {"input": "scalar", "output": "gaussian"}
CONTEXT = WAVENET | {"context_stacks": 1, "context_layers": 2, "context_pool": 4}
ATTENTION = {"system": "sparse_transformer", "pattern": "window", "positions": 128, "stride": 16}
ATTENTION |= {"layers": 1, "width": 8, "heads": 2, "hidden": 1, "recompute": False}
SHAPES = [
    {"factor": 1},
    {"factor": 2, "look_ahead": 0},
    {"factor": 3, "block": 5},
    {"factor": 4, "look_ahead": 5, "look_back": 0, "block": 1},
    {"inner": GAUSSIAN},
    {"inner": CONTEXT},
]


@functools.cache
def built(settings):
    torch.manual_seed(0)
    small = {"bits": 4, "inner": dict(WAVENET), "told_channels": 4, "block": 4}
    model = registry.build("subscale_sound", "tiny", **small | dict(settings))
    for parameter in model.parameters():
        parameter.data += 0.3 * torch.randn(parameter.shape)
    return model.eval().requires_grad_(False)


class Settings(dict):
    """Settings that a cache may look up."""

    def __hash__(self):
        return hash(str(self))


def model_of(**settings):
    return built(Settings(settings))


def engine_of(model, backend="torch"):
    return compile_engine(model, backend=backend)


def scored(model, before, symbols):
    """Return what the model says of symbols behind audio (batch, 1, time), whole frames of it."""
    x = torch.cat([before, model.render(symbols)], -1)
    return model.sample_log_probs(x)[:, before.shape[-1] :]


def assert_as_likely(model, drawn, before):
    # Of the future of what was drawn, the last of it was told, and here is not known.
    known = drawn.symbols.shape[1] - model.factor * (model.look_ahead + 1)
    expected = scored(model, before, drawn.symbols)[:, :known]
    torch.testing.assert_close(drawn.log_prob[:, :known], expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("settings", "backend"), [*((one, "torch") for one in SHAPES), (SHAPES[2], "auto")], ids=str
)
def test_what_is_drawn_is_as_likely_as_it_is_scored(settings, backend):
    model = model_of(**settings)
    engine = engine_of(model, backend)
    drawn = engine.draw(engine.start(2), 120, generator=seeded(1), spread=True)

    silence = torch.zeros(2, 1, 40 * model.factor)
    assert_as_likely(model, drawn, silence)
    torch.testing.assert_close(drawn.log_draw, drawn.log_prob)
    assert drawn.symbols.unique().numel() > 3


@pytest.mark.parametrize("length", [1, 7, 90])
def test_what_follows_a_prompt_is_as_likely_as_it_is_scored(length):
    model = model_of()
    engine = engine_of(model)
    prompt = torch.rand(2, 1, length, generator=seeded(0)) - 0.5
    drawn = engine.draw(engine.start(2, prompt=prompt), 60, generator=seeded(1))

    silence = torch.zeros(2, 1, 40 * model.factor - length % model.factor)
    assert_as_likely(model, drawn, torch.cat([silence, prompt], -1))


def test_attention_draws_each_slice_as_it_says_from_where_the_slice_began_to_hear():
    model = model_of(inner=ATTENTION, factor=2)
    engine, frames = engine_of(model), 60
    prompt = torch.rand(1, 1, 2 * frames, generator=seeded(0)) - 0.5
    drawn = engine.draw(engine.start(1, prompt=prompt), 40, generator=seeded(1))

    slices = sliced(torch.cat([model.symbols(prompt), drawn.symbols], 1), 2)
    told = model.told(slices, 2 * slices.shape[2], 0, slices.shape[2])["slices"].values
    for b, found in enumerate(sliced(drawn.log_prob, 2)[0]):
        begin = model.look_back + (1 - b) * model.distance  # all have heard as many frames
        own, frame = slices[:, b, begin:], Track(told[b : b + 1, :, begin:], 1.0)
        previous = torch.nn.functional.pad(own[:, :-1], (1, 0), value=model.initial)
        state = model.inner.start(1, {"slices": frame})
        expected = model.inner.advance(previous, state)[0].log_prob(own)[0, frames - begin :]
        known = len(found) - model.look_ahead - 1
        torch.testing.assert_close(found[:known], expected[:known], atol=1e-5, rtol=1e-5)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=5), st.integers(1, 7))
def test_a_seed_gives_one_signal_whatever_the_blocks(parts, block):
    engine = engine_of(model_of(block=block))
    whole = engine.draw(engine.start(2), sum(parts), generator=seeded(3), spread=True)

    state, generator, found = engine.start(2), seeded(3), []
    for part in parts:
        found.append(engine.draw(state, part, generator=generator, spread=True))
        state = found[-1].state

    for name in ("symbols", "log_prob", "entropy", "varentropy"):
        joined = torch.cat([getattr(one, name) for one in found], 1)
        torch.testing.assert_close(joined, getattr(whole, name))


def test_rows_do_not_depend_on_those_beside_them_nor_on_what_computes():
    model = model_of()
    engine = engine_of(model)
    together = engine.draw(engine.start(3), 60, generator=seeded_rows(5, 3)).symbols
    alone = engine.draw(engine.start(1), 60, generator=seeded_rows(5, 1)).symbols
    compiled = engine_of(model, "auto")
    fast = compiled.draw(compiled.start(3), 60, generator=seeded_rows(5, 3)).symbols

    assert torch.equal(together[:1], alone)
    assert torch.equal(fast, together)


def test_a_step_draws_a_symbol_of_every_slice():
    model = model_of(factor=4, look_ahead=0, block=6)
    engine, asked = engine_of(model), []
    inner = engine.inner.draw

    def draw(state, length, **settings):
        asked.append((state.count, length))
        return inner(state, length, **settings)

    engine.inner.draw = draw
    state = engine.draw(engine.start(2), 1, generator=seeded(1)).state
    assert asked == [(2, 6), (4, 6), (6, 6), (8, 6)]  # slices begin one after another

    asked.clear()
    engine.draw(state, 10 * 24, generator=seeded(1))

    assert asked == [(8, 6)] * 10
    assert model.distance == 6
    assert model.delay == 4 * (3 * 6 + 6)


@pytest.mark.parametrize("backend", ["torch", "auto"])
@pytest.mark.parametrize("drawn", [0, 1, 37])
def test_a_state_is_a_value_that_files_hold(tmp_path, backend, drawn):
    model = model_of()
    engine = engine_of(model, backend)
    state = engine.start(2, prompt=torch.rand(1, 1, 50, generator=seeded(0)) - 0.5)
    if drawn:
        state = engine.draw(state, drawn, generator=seeded(1)).state
    after = engine.draw(state, 50, generator=seeded(2)).symbols

    state.save(tmp_path / "state")
    loaded = engine_of(model).load(tmp_path / "state")

    assert torch.equal(engine.draw(state, 50, generator=seeded(2)).symbols, after)
    assert torch.equal(engine_of(model).draw(loaded, 50, generator=seeded(2)).symbols, after)
    with pytest.raises(RunError, match="another model"):
        engine_of(model_of(factor=2)).load(tmp_path / "state")


def test_streams_split():
    engine = engine_of(model_of())
    state = engine.draw(engine.start(2), 37, generator=seeded_rows(1, 2)).state

    split = engine.draw(state.pick([1, 1, 0]), 50, generator=seeded_rows(7, 3)).symbols
    own = engine.draw(state.pick([1]), 50, generator=seeded_rows(7, 1)).symbols

    assert torch.equal(split[:1], own)
    assert not torch.equal(split[0], split[1])


@pytest.mark.parametrize("settings", SHAPES, ids=str)
@pytest.mark.parametrize("parts", [1, 7, 12, 61])
def test_going_along_says_what_scoring_says_whatever_the_parts(settings, parts):
    model = model_of(**settings)
    engine = engine_of(model)
    x = torch.rand(2, 1, 61, generator=seeded(0)) - 0.5
    symbols = model.symbols(x)

    found = list(engine.follow_in_parts(symbols, engine.start(2), parts))

    assert torch.equal(torch.cat([part for part, _ in found], 1), symbols)
    nats = torch.cat([told.log_prob(part) for part, told in found], 1)
    silence = torch.zeros(2, 1, 40 * model.factor)
    torch.testing.assert_close(nats, scored(model, silence, symbols), atol=1e-5, rtol=1e-5)
    assert all(told.batch_shape == part.shape for part, told in found)


def test_a_state_goes_on_from_what_it_was_led_along():
    model = model_of()
    engine = engine_of(model)
    x = torch.rand(2, 1, 62, generator=seeded(0)) - 0.5
    symbols = model.symbols(x)

    distribution, state = engine.follow(symbols[:, 40:], engine.start(2, prompt=x[..., :40]))
    led = engine.draw(state, 30, generator=seeded(1)).symbols

    prompted = engine.draw(engine.start(2, prompt=x), 30, generator=seeded(1)).symbols
    assert torch.equal(led, prompted)
    assert torch.equal(state.previous, symbols[:, -1])
    silence = torch.zeros(2, 1, 40 * model.factor - 40 % model.factor)
    expected = scored(model, torch.cat([silence, x[..., :40]], -1), symbols[:, 40:])
    torch.testing.assert_close(distribution.log_prob(symbols[:, 40:]), expected)


def test_going_along_forgets_what_was_drawn_ahead():
    model = model_of()
    engine = engine_of(model)
    drawn = engine.draw(engine.start(2), 37, generator=seeded(1))
    symbols = torch.randint(16, (2, 21), generator=seeded(2))

    _, state = engine.follow(symbols, drawn.state)

    heard = model.render(torch.cat([drawn.symbols, symbols], 1))
    silence = torch.zeros(2, 1, 1)  # which is what streams begin after
    anew = engine.start(2, prompt=torch.cat([silence, heard], -1))
    expected = engine.draw(anew, 30, generator=seeded(3)).symbols
    assert torch.equal(engine.draw(state, 30, generator=seeded(3)).symbols, expected)


def test_there_is_no_next_sample_by_itself():
    engine = engine_of(model_of())
    with pytest.raises(RunError, match="there is no next sample by itself; take a strategy"):
        engine.step(engine.start(1))


def test_nothing_is_told_from_outside():
    engine = engine_of(model_of())
    with pytest.raises(ConfigError, match="told nothing from outside"):
        engine.start(1, condition={"label": Track(torch.zeros(1, dtype=torch.long))})


def test_strategies_and_temperatures_are_for_every_slice():
    engine = engine_of(model_of(), "auto")
    certain = engine.draw(engine.start(2), 60, temperature=0.0)
    chosen = engine.draw(
        engine.start(2), 60, strategy=strategy_from("top-k=1"), generator=seeded(9)
    )

    assert torch.equal(certain.symbols, chosen.symbols)
    assert not certain.log_draw.any()
    assert (certain.log_prob < 0).all()


class Counting(Strategy):
    """Chooses the most likely, and remembers how often it chose for a row."""

    def __str__(self):
        return "counting"

    def begin(self, count):
        return torch.zeros(count, 1)

    def choose(self, distribution, memory, generator=None):
        return Choice(most(distribution), torch.zeros(len(memory), 1), memory + 1)


def most(distribution):
    return distribution.logits.argmax(-1)


def test_a_strategy_remembers_of_each_slice_what_it_drew_and_not_what_it_heard():
    model = model_of()
    engine = engine_of(model)
    state = engine.draw(engine.start(2), 1, strategy=Counting()).state

    memory = state.rows.inner.remembered(Counting())

    behind = [(model.factor - 1 - b) * model.distance for b in range(model.factor)]
    assert memory[:, 0].tolist() == [one + model.block for one in behind] * 2


def test_compiling_a_model_of_slices_compiles_its_inner_system():
    engine = compile_engine(model_of())

    assert isinstance(engine, SlicedEngine)
    assert type(engine.inner).__name__ == "GatedEngine"
    assert engine.name.startswith("3 slices by C++")
    with pytest.raises(ConfigError, match="no such engine of the model of slices SubscaleSound"):
        compile_engine(model_of(), weights="int8")


def test_the_model_draws_and_streams_by_its_own_steps():
    model = model_of()
    engine = engine_of(model)
    expected = model.render(engine.draw(engine.start(2), 50, generator=seeded(4)).symbols)

    stream = model.stream(2, generator=seeded(4))

    assert torch.equal(model.sample(2, 50, generator=seeded(4)), expected)
    assert torch.equal(torch.cat([next(stream) for _ in range(5)], -1)[..., :50], expected)
