"""Sound made of codes: as an engine, in blocks of any size, and as the whole would sound."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_cascade import HOP, Toy

from typica.core.config import Config
from typica.core.errors import ConfigError, RunError
from typica.core.framed import FramedEngine, FramedModel
from typica.core.randomness import seeded, seeded_rows
from typica.engines.compiler import compile as compile_engine

FRAME, REACH = 8, 3


class Frames(Toy):
    """A toy cascade of codes that stand for frames."""

    frame, context = FRAME, 16 * FRAME


class Framed(FramedModel):
    """Codes of a toy cascade as sound, by a convolution that looks both ways."""

    frame, reach = FRAME, REACH
    block = property(lambda self: self.size)

    def __init__(self, levels=2, block=4):
        super().__init__(Config())
        self.inner = Frames(levels)
        self.size = block
        self.inner.read_codes, self.inner.read = self.inner.read, self.read
        torch.manual_seed(0)
        self.shape = torch.nn.Conv1d(1, FRAME, 2 * REACH + 1, padding=REACH)
        self.eval().requires_grad_(False)

    tokens = property(lambda self: self.inner)
    context = 64

    def phases(self):
        return []

    def read(self, x):
        """Read codes off means of frames."""
        return self.inner.read_codes(x.unfold(-1, FRAME, FRAME).mean(-1))

    def sound(self, codes):
        frames = self.shape(codes[:, None] / 8 - 1)
        return frames.transpose(1, 2).flatten(1)[:, None] / 3


@pytest.fixture
def model():
    return Framed(3)


def test_sound_is_what_all_codes_together_would_sound_like(model):
    kept = []
    engine = model.steps()
    inner = engine.codes.draw

    def draw(*arguments, **settings):
        kept.append(inner(*arguments, **settings))
        return kept[-1]

    engine.codes.draw = draw
    state = engine.start(2)
    drawn = engine.draw(state, 150, generator=seeded(1), spread=True)

    codes = torch.cat([state.codes, *(one.symbols for one in kept)], 1)
    expected = model.sound(codes)[:, 0, state.past * FRAME :][:, :150].clamp(-1, 1)
    torch.testing.assert_close(drawn.symbols, expected)
    nats = torch.cat([one.log_prob for one in kept], 1)
    torch.testing.assert_close(
        drawn.log_prob, (nats / FRAME).repeat_interleave(FRAME, 1)[:, :150], check_dtype=False
    )
    entropy = torch.cat([one.entropy for one in kept], 1)[:, : 144 // FRAME]
    torch.testing.assert_close(drawn.entropy[:, :144].sum(1), entropy.sum(1), atol=1e-4, rtol=1e-4)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=5), st.integers(1, 6))
def test_a_seed_gives_one_signal_whatever_the_blocks(parts, block):
    engine = Framed(2, block).steps()
    whole = engine.draw(engine.start(1), sum(parts), generator=seeded(3)).symbols

    state, generator, found = engine.start(1), seeded(3), []
    for part in parts:
        drawn = engine.draw(state, part, generator=generator)
        state = drawn.state
        found.append(drawn.symbols)

    torch.testing.assert_close(torch.cat(found, 1), whole, atol=1e-6, rtol=0)


def test_a_state_is_a_value_that_files_hold(model, tmp_path):
    engine = compile_engine(model)
    assert isinstance(engine, FramedEngine)
    state = engine.draw(engine.start(2), 37, generator=seeded(1)).state
    after = engine.draw(state, 50, generator=seeded(2)).symbols

    state.save(tmp_path / "state")
    loaded = Framed(3).steps().load(tmp_path / "state")

    assert torch.equal(engine.draw(state, 50, generator=seeded(2)).symbols, after)
    again = Framed(3).steps().draw(loaded, 50, generator=seeded(2)).symbols
    torch.testing.assert_close(again, after, atol=1e-5, rtol=0)
    with pytest.raises(RunError, match="another model"):
        Framed(2).steps().load(tmp_path / "state")


def test_streams_split(model):
    engine = model.steps()
    state = engine.draw(engine.start(2), 37, generator=seeded(1)).state
    split = engine.draw(state.pick([1, 1, 0]), 50, generator=seeded_rows(7, 3)).symbols
    own = engine.draw(state.pick([1]), 50, generator=seeded_rows(7, 1)).symbols
    torch.testing.assert_close(split[:1], own, atol=1e-6, rtol=0)


def test_going_along_tells_the_nats_of_the_codes(model):
    engine = model.steps()
    x = torch.rand(1, 1, 3 * FRAME * HOP**2 - 5) - 0.5
    distribution, state = engine.follow(x[:, 0], engine.start(1))

    whole = torch.nn.functional.pad(x, (0, 5))
    codes = model.read(whole)[-1]
    told, _ = engine.codes.along(model.read(whole), engine.codes.start(1))
    nats = told.log_prob(codes).sum()
    missing = 5 * told.log_prob(codes)[0, -1] / FRAME
    total = distribution.log_prob(x[:, 0]).sum()
    torch.testing.assert_close(total, nats - missing, atol=1e-3, rtol=1e-4)
    assert torch.equal(state.codes, codes[:, -REACH:])


@pytest.mark.parametrize("frames", [1, 2, 5, 50])
@pytest.mark.parametrize("length", [1, 3 * FRAME * HOP**2 - 5, 20 * FRAME])
def test_a_recording_in_parts_is_told_the_codes_of_the_whole(model, frames, length):
    engine = model.steps()
    x = torch.rand(2, length, generator=seeded(0)) - 0.5

    parts = list(engine.follow_in_parts(x, engine.start(2), frames * FRAME))

    assert torch.equal(torch.cat([part for part, _ in parts], 1), x)
    expected, _ = engine.follow(x, engine.start(2))
    told = torch.cat([distribution.log_prob(part) for part, distribution in parts], 1)
    torch.testing.assert_close(told, expected.log_prob(x), atol=1e-4, rtol=1e-4)
    spreads = zip(*(distribution.spread() for _, distribution in parts), strict=True)
    for found, one in zip(spreads, expected.spread(), strict=True):
        torch.testing.assert_close(torch.cat(found, 1), one, atol=1e-4, rtol=1e-4)


def test_parts_that_end_within_a_frame_are_refused(model):
    engine = model.steps()
    with pytest.raises(ConfigError, match="whole frames of 8 samples, got 12"):
        list(engine.follow_in_parts(torch.zeros(1, 40), engine.start(1), 12))


def test_there_is_no_next_sample_by_itself(model):
    engine = model.steps()
    with pytest.raises(RunError, match="draws codes, not samples"):
        engine.step(engine.start(1))
