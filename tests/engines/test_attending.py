"""The engine of sparse attention over a table: the module's numbers, whatever is seen."""

import pytest
import torch
from engine_checks import (
    check_alone,
    check_compiler_missing,
    check_draws,
    check_picked,
    check_rounded,
    check_saved,
    check_spread,
    check_strategy,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from typica.core import registry
from typica.core.condition import Track
from typica.core.engine import StepEngine
from typica.core.engine_state import map_tensors
from typica.core.errors import ConfigError, RunError
from typica.core.randomness import seeded
from typica.core.telling import tell
from typica.engines.attending.layout import CHUNK
from typica.engines.attending.tables import Tables
from typica.engines.compiler import compile

CONFIGURATIONS = {
    "strided": {},
    "strided, merged": {"merged": True, "positions": 48, "stride": 8},
    "strided, of one column": {"positions": 40, "stride": 1},
    "fixed": {"pattern": "fixed", "summaries": 2, "positions": 48, "stride": 8},
    "fixed, merged, heads that share summaries": {
        **{"pattern": "fixed", "merged": True, "summaries": 3, "heads": 3, "width": 24},
        **{"positions": 35, "stride": 5},
    },
    "rows, an odd number of them": {"pattern": "rows", "positions": 40, "stride": 8},
    "window, two rows": {"pattern": "window", "positions": 34, "stride": 17},
    "dense, a head of a size of its own": {
        **{"pattern": "dense", "positions": 44, "stride": 11, "head_size": 48, "heads": 1},
    },
    "labels and frames": {
        **{"labels": 3, "local": "roll", "local_channels": 2, "hop": 4, "upsampling": "linear"},
    },
}
# Few shapes for many tests: each is compiled.
LARGER = {"positions": 256, "stride": 16, "width": 40, "layers": 4, "bits": 8}
settings_of_all = pytest.mark.parametrize(
    "settings", CONFIGURATIONS.values(), ids=CONFIGURATIONS.keys()
)


def build(settings, scale=0.3):
    torch.manual_seed(0)
    small = {"positions": 32, "stride": 4, "layers": 3, "width": 20, "heads": 2, "summaries": 1}
    small |= {"bits": 4, "hidden": 2, "recompute": False}
    model = registry.from_settings("sparse_transformer", small | settings).requires_grad_(False)
    for parameter in model.parameters():
        parameter += scale * torch.randn(parameter.shape)
    return model.eval()


def told(model, count, length=200):
    config, tracks = model.config, {}
    if config.labels:
        tracks["label"] = Track(torch.arange(count) % config.labels)
    if config.local:
        shape = count, config.local_channels, -(-length // config.hop)
        tracks[config.local] = Track(torch.randn(shape, generator=seeded(3)), 1.0)
    return tracks


def levels(model, count, length, seed=1):
    return torch.randint(model.quantiser.levels, (count, length), generator=seeded(seed))


@settings_of_all
def test_every_step_has_the_numbers_of_the_module(settings):
    """Over three tables, from a prompt on, which the module reads all at once."""
    model = build(settings)
    symbols, condition = levels(model, 3, 150), told(model, 3)
    engine = compile(model, backend="c++")
    prompt = model.render(symbols[:, :41])
    state = engine.start(3, condition=condition, prompt=prompt)

    found, _ = engine.follow(symbols[:, 41:], state)

    expected = model.conditionals(model.render(symbols), condition).logits[:, 41:]
    torch.testing.assert_close(found.logits, expected, atol=1e-4, rtol=1e-4)


@settings_of_all
def test_draws_are_those_of_the_modules_own_steps(settings):
    model = build(settings)
    check_draws(model, told(model, 2), 70)


@settings_of_all
def test_a_state_is_that_of_the_module_wherever_a_block_ends(settings):
    """And what the module left is gone on from, at each of these places."""
    model = build(settings)
    engine, steps = compile(model, backend="c++"), StepEngine(model)
    condition, symbols = told(model, 2), levels(model, 2, 140)
    one, other = (way.start(2, condition=condition) for way in (engine, steps))

    for block in symbols.split([1, 1, 5, 9, 16, 2, 1, 13, 40, 52], 1):
        _, one = engine.follow(block, one)
        _, other = steps.follow(block, other)

        found, expected = one.leave(), other.leave()
        assert (found.inner.read, found.inner.held) == (expected.inner.read, expected.inner.held)
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
        one = engine.enter(expected, "what the module left")


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(CONFIGURATIONS)),
    st.lists(st.integers(1, 60), min_size=1, max_size=4),
    st.booleans(),
)
def test_blocks_of_any_size_give_one_signal(name, lengths, enters):
    """Bit by bit, whether the state is gone on from or has been to the model's own form."""
    engine, whole = SIGNALS(name)
    generator, parts, state = seeded(1), [], engine.start(2, condition=told(engine.model, 2))

    for length in lengths:
        drawn = engine.draw(state, length, generator=generator)
        state = engine.enter(drawn.state.leave(), "here") if enters else drawn.state
        parts.append(drawn.log_prob)

    found = torch.cat(parts, 1)[:, : whole.shape[1]]
    assert torch.equal(found, whole[:, : found.shape[1]])


class Signals(dict):
    """An engine of each configuration, and the log-probabilities of what it draws at once."""

    def __call__(self, name):
        if name not in self:
            engine = compile(build(CONFIGURATIONS[name]), backend="c++")
            state = engine.start(2, condition=told(engine.model, 2))
            self[name] = engine, engine.draw(state, 180, generator=seeded(1)).log_prob
        return self[name]


SIGNALS = Signals()


def test_thousands_of_steps_drift_nowhere():
    model = build(LARGER, 0.15)
    engine = compile(model, backend="c++")
    symbols = levels(model, 2, 3000)

    found, _ = engine.follow(symbols, engine.start(2))

    expected, _ = StepEngine(model).follow(symbols, StepEngine(model).start(2))
    torch.testing.assert_close(found.logits, expected.logits, atol=1e-4, rtol=0)


@pytest.mark.parametrize("words", ["nucleus=0.8", "typical=0.9,temperature=0.8", "mirostat=3"])
def test_strategies_choose_as_they_do_on_the_modules_steps(words):
    check_strategy(build(LARGER), words, 60)


def test_a_state_can_be_gone_on_from_in_several_ways():
    """Tables are shared by states of several times: none of them sees what others draw."""
    engine = compile(build({}), backend="c++")
    early = engine.draw(engine.start(2), 21, generator=seeded(1)).state
    before = early.leave()
    late = engine.draw(early, 30, generator=seeded(2))

    again = engine.draw(early, 30, generator=seeded(2))
    other = engine.draw(early, 30, generator=seeded(3))
    more = engine.draw(late.state, 30, generator=seeded(4))
    engine.draw(other.state, 90, generator=seeded(5))
    even_more = engine.draw(again.state, 30, generator=seeded(4))

    assert torch.equal(again.symbols, late.symbols)
    assert not torch.equal(other.symbols, late.symbols)
    assert torch.equal(more.symbols, even_more.symbols)
    torch.testing.assert_close(early.leave(), before, atol=0, rtol=0)


def test_a_stream_copies_its_past_once_a_table():
    engine = compile(build({}), backend="c++")
    first = engine.start(2)

    state = engine.draw(first, 32).state  # to the end of the table
    turned = engine.draw(state, 1).state

    assert state.tables is first.tables
    assert turned.tables is not state.tables
    assert turned.tables.now is state.tables.next
    assert engine.draw(state, 1).state.tables.now is not turned.tables.now


def test_a_turn_has_been_read_when_it_comes():
    """The later half is read along the way, a chunk behind at most."""
    engine = compile(build(LARGER), backend="c++")

    state, behind = engine.start(1), []
    for _ in range(256):
        state = engine.draw(state, 1, generator=seeded(1)).state
        behind.append(max(0, state.held - 128) - state.followed)

    assert max(behind) == CHUNK - 1
    assert state.followed == 128


def test_streams_do_not_depend_on_how_many_there_are():
    check_alone(build(CONFIGURATIONS["fixed"]), 60)


def test_streams_that_are_picked_go_on_as_themselves():
    model = build({"labels": 3, "local": "roll", "local_channels": 2, "hop": 4})
    check_picked(model, told(model, 3), 25, 30)


@pytest.mark.parametrize("name", ["strided", "fixed", "rows, an odd number of them"])
def test_a_saved_state_goes_on_in_either_kind_of_engine(tmp_path, name):
    model = build({"labels": 3, **CONFIGURATIONS[name]})
    check_saved(model, told(model, 2), tmp_path / "state", 27, 40)


def test_it_can_be_told_frames_on_the_way():
    model = build({"local": "codes", "local_channels": 2, "hop": 4})
    frames = torch.randn(2, 2, 20, generator=seeded(0))
    engine, steps = compile(model, backend="c++"), StepEngine(model)
    condition = {"codes": Track(frames, 1.0)}
    expected = steps.draw(steps.start(2, condition=condition), 80, generator=seeded(1)).symbols

    state = engine.start(2, condition={"codes": Track(frames[..., :3], 1.0)})
    generator, parts = seeded(1), []
    for begin, end in ((0, 3), (3, 8), (8, 20)):
        past = min(begin, 2)
        now = {"codes": Track(frames[..., begin - past : end], 1.0)}
        state = tell(engine, state, now, past * 4)
        drawn = engine.draw(state, 4 * (end - begin), generator=generator)
        state = drawn.state
        parts.append(drawn.symbols)

    assert torch.equal(torch.cat(parts, 1), expected)


def test_the_levels_of_a_jukebox_are_drawn_by_it():
    torch.manual_seed(0)
    model = registry.build("jukebox", "tiny").requires_grad_(False)
    for parameter in model.parameters():
        parameter += 0.3 * torch.randn(parameter.shape)
    engine, steps = compile(model.eval()), model.steps()

    drawn, slow = (
        one.draw(one.start(1), 400, temperature=0.5, generator=seeded(1)) for one in (engine, steps)
    )

    assert "C++" in engine.name
    torch.testing.assert_close(drawn.symbols, slow.symbols, atol=1e-4, rtol=1e-4)


def test_a_state_that_does_not_fit_is_refused():
    model = build({})
    engine = compile(model, backend="c++")
    saved = engine.draw(engine.start(2), 10, generator=seeded(1)).state.leave()
    wide = map_tensors(saved.inner, lambda one: torch.cat([one, one], -1))
    mad = map_tensors(saved.inner, lambda one: one / 0)
    wrong = saved._replace(previous=saved.previous + 16)

    for state, sentence in (
        (saved._replace(inner=wide), r"its rows has shape \(2, 8, 40\) and not \(2, 8, 20\)"),
        (saved._replace(inner=mad), "its rows holds what is not a number"),
        (saved._replace(inner=saved.inner._replace(caches=())), "is missing"),
        (saved._replace(inner=saved.inner._replace(read=9)), "it holds 10 of 9 symbols"),
        (wrong, "its last draw holds what is not from 0 to 15"),
    ):
        with pytest.raises(RunError, match=f"here does not fit this model: .*{sentence}"):
            engine.enter(state, "here")


@pytest.mark.parametrize(("weights", "most"), [("bfloat16", 1e-3), ("int8", 1e-2)])
def test_rounded_weights_cost_what_their_bits_are_worth(weights, most):
    model = build(LARGER, 0.15)
    check_rounded(model, model.render(levels(model, 2, 600)), weights, most)


def test_spread_is_that_of_the_conditionals():
    check_spread(build({}))


def test_tables_are_written_by_one_at_a_time():
    tables = Tables.blank(2, 5, 0)
    own, other = tables.taken(0), tables.taken(0)
    own.give_back(3)

    assert own is tables
    assert other is not tables
    assert tables.taken(2) is not tables
    assert tables.taken(3) is tables
    assert tables.now.ctypes.data % 64 == 0


def test_without_a_compiler_the_module_takes_its_own_steps(use_compiler):
    use_compiler("no-such-compiler")
    check_compiler_missing(build({}))


@pytest.mark.parametrize("backend", ["numba", "graph"])
def test_backends_that_there_are_not_are_refused(backend):
    with pytest.raises(ConfigError, match="there is no such engine of SparseTransformer"):
        compile(build({}), backend=backend)
