"""Sparse Transformers: the sheet's invariants, and a table that is longer than one thinks."""

import itertools
import math

import pytest
import torch

from typica.core import registry
from typica.core.condition import Track
from typica.core.engine import StepEngine
from typica.core.errors import ConfigError
from typica.core.randomness import draw, seeded
from typica.core.telling import tell
from typica.training.fit import fit

PATTERNS = ["strided", "fixed", "rows", "window", "dense"]


def transformer(**settings):
    """Return an untrained model whose weights say something."""
    torch.manual_seed(0)
    small = {"positions": 32, "stride": 4, "layers": 3, "width": 8, "heads": 2, "summaries": 1}
    small |= {"bits": 2, "hidden": 2, "recompute": False}
    model = registry.from_settings("sparse_transformer", small | settings)
    for parameter in model.parameters():
        parameter.data += 0.5 * torch.randn(parameter.shape)
    return model.eval()


def sounds(model, batch, length, seed=0):
    levels = model.quantiser.levels
    return model.render(torch.randint(levels, (batch, length), generator=seeded(seed)))


@pytest.mark.parametrize("pattern", PATTERNS)
def test_blocks_of_any_length_agree_with_steps_across_tables(pattern):
    model = transformer(pattern=pattern)
    symbols = torch.randint(4, (2, 90), generator=seeded(0))
    whole, _ = model.advance(symbols, model.start(2))

    state, parts = model.start(2), []
    for part in symbols.split([1, 2, 5, 24, 1, 20, 17, 11, 9], 1):
        found, state = model.advance(part, state)
        parts.append(found.logits)

    torch.testing.assert_close(torch.cat(parts, 1), whole.logits, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_future_never_reaches_the_past(pattern):
    model = transformer(pattern=pattern)
    symbols = torch.randint(4, (1, 50), generator=seeded(0))
    before = model.advance(symbols, model.start(1))[0].logits
    for time in (0, 3, 4, 31, 32, 47):
        other = symbols.clone()
        other[0, time] = (other[0, time] + 1) % 4
        after = model.advance(other, model.start(1))[0].logits
        assert torch.equal(after[:, :time], before[:, :time])
        assert not torch.equal(after[:, time], before[:, time])


@pytest.mark.parametrize("positions", [32, 28])
def test_a_full_table_keeps_its_later_half(positions):
    model = transformer(positions=positions)
    symbols = torch.randint(4, (1, positions + 8), generator=seeded(0))
    long, _ = model.advance(symbols, model.start(1))
    # What comes next stands behind 16 symbols, no less than half, read again as the beginning.
    again, _ = model.advance(symbols[:, positions - 16 :], model.start(1))
    found, expected = long.logits[:, positions:], again.logits[:, 16:]
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("positions", [32, 28])
def test_a_long_draw_is_one_of_windows_that_move_by_half_a_table(positions):
    model = transformer(positions=positions)
    engine, generator = StepEngine(model), seeded(1)
    drawn = engine.draw(engine.start(2), 3 * positions, generator=seeded(1)).symbols

    # By hand: what was drawn behind half a window is read, as it is, as the beginning of the next.
    read, state, held = torch.full((2, 1), model.initial), model.start(2), 0
    for time in range(3 * positions):
        if held == positions:
            _, state = model.advance(read[:, time - 16 : time], model.start(2))
            held = 16
        distribution, state = model.step(read[:, time], state)
        read, held = torch.cat([read, draw(distribution, generator)], 1), held + 1

    assert torch.equal(drawn, read[:, 1:])


def test_a_step_within_a_row_copies_nothing_of_the_rows_before():
    model = transformer()
    _, state = model.advance(torch.zeros(1, 9, dtype=torch.int64), model.start(1))
    _, after = model.step(torch.zeros(1, dtype=torch.int64), state)

    assert (state.held, after.held) == (9, 10)
    assert after.rows is state.rows
    assert all(
        one.rows is other.rows for one, other in zip(after.caches, state.caches, strict=True)
    )


def test_all_sequences_together_have_probability_one():
    model = transformer(bits=1, stride=2, positions=4)
    levels = torch.tensor(list(itertools.product(range(2), repeat=6)))
    total = model.log_prob(model.render(levels)).exp().sum()
    assert float(total.detach()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("bits", [2, 8])
def test_an_untrained_model_knows_nothing(bits):
    model = registry.build("sparse_transformer", "tiny", bits=bits)
    nats = -model.log_prob(sounds(model, 2, 100)) / 100
    torch.testing.assert_close(nats, torch.full((2,), bits * math.log(2), dtype=torch.float64))


@pytest.mark.parametrize(("pattern", "layers"), [("strided", 2), ("fixed", 2), ("rows", 3)])
def test_a_layer_of_each_kind_joins_any_two_places(pattern, layers):
    model = transformer(pattern=pattern, layers=layers, positions=64, stride=8)
    symbols = torch.randint(4, (1, 64), generator=seeded(0))
    before = model.advance(symbols, model.start(1))[0].logits[0, -1]
    for time in range(64):
        other = symbols.clone()
        other[0, time] = (other[0, time] + 1) % 4
        assert not torch.equal(model.advance(other, model.start(1))[0].logits[0, -1], before)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_recomputing_changes_no_loss_and_no_gradient(dropout):
    found = []
    for recompute in (False, True):
        model = transformer(recompute=recompute, dropout=dropout).train()
        torch.manual_seed(5)
        loss = model.likelihood_loss({"audio": sounds(model, 2, 32)})["nll"]
        found.append((loss, torch.autograd.grad(loss, list(model.parameters()))))

    torch.testing.assert_close(found[0][0], found[1][0])
    for one, other in zip(found[0][1], found[1][1], strict=True):
        torch.testing.assert_close(one, other)


def test_each_place_of_the_table_is_another():
    """Of one symbol again and again, only the places can make vectors that differ."""
    model = transformer()
    hidden, _ = model._read(torch.ones(1, 32, 8), model.start(1))
    apart = torch.cdist(hidden[0], hidden[0]).detach() + torch.eye(32)
    assert apart.min() > 1e-3


def test_vectors_of_symbols_are_spread_as_asked_and_those_of_places_as_in_the_paper():
    size = {"positions": 64, "stride": 8, "layers": 1, "width": 64, "heads": 2}
    asked = registry.from_settings("sparse_transformer", size | {"embedding_std": 0.4})
    paper = registry.from_settings("sparse_transformer", size)
    assert float(asked.symbol.weight.detach().std()) == pytest.approx(0.4, rel=0.05)
    assert float(paper.symbol.weight.detach().std()) == pytest.approx(0.125 / 8, rel=0.05)
    assert float(asked.column.weight.detach().std()) < 0.125 / 8
    with pytest.raises(ConfigError, match="embedding_std"):
        registry.from_settings("sparse_transformer", size | {"embedding_std": -0.1})


def test_what_the_layers_add_does_not_grow_with_their_number():
    spread = []
    for layers in (2, 32):
        torch.manual_seed(0)
        settings = {"layers": layers, "width": 64, "heads": 2, "positions": 64, "stride": 8}
        model = registry.from_settings("sparse_transformer", settings)
        state = model.start(4)
        hidden, _ = model._read(model._given(torch.randint(256, (4, 64)), state), state)
        spread.append(float(hidden.detach().var()))
    assert spread[1] < 1.5 * spread[0]


def test_merged_heads_see_both_parts():
    merged = transformer(merged=True, layers=1)
    alone = transformer(pattern="window", layers=1)
    symbols = torch.randint(4, (1, 20), generator=seeded(0))
    far = symbols.clone()
    far[0, 11] = (far[0, 11] + 1) % 4  # two rows above the last place, in its column
    for model, sees in ((merged, True), (alone, False)):
        found = (model.advance(one, model.start(1))[0].logits[0, -1] for one in (symbols, far))
        assert torch.equal(*found) is not sees


def test_frames_and_labels_are_told_where_they_belong():
    model = transformer(local="codes", local_channels=2, hop=4, labels=3)
    frames = torch.randn(1, 2, 10, generator=seeded(0))
    told = {"codes": Track(frames, 1.0), "label": Track(torch.tensor([1]))}
    symbols = torch.randint(4, (1, 40), generator=seeded(0))
    before = model.advance(symbols, model.start(1, told))[0].logits

    other = frames.clone()
    other[..., 5] += 1
    after = model.advance(symbols, model.start(1, told | {"codes": Track(other, 1.0)}))[0].logits
    assert torch.equal(after[:, :20], before[:, :20])
    assert not torch.equal(after[:, 20], before[:, 20])
    label = model.advance(symbols, model.start(1, told | {"label": Track(torch.tensor([2]))}))[0]
    assert not torch.equal(label.logits[:, 0], before[:, 0])


def test_it_can_be_told_frames_on_the_way():
    model = transformer(local="codes", local_channels=2, hop=4)
    frames = torch.randn(2, 2, 20, generator=seeded(0))
    engine = StepEngine(model)
    whole = engine.start(2, condition={"codes": Track(frames, 1.0)})
    expected = engine.draw(whole, 80, generator=seeded(1)).symbols

    state, generator, parts = (
        engine.start(2, condition={"codes": Track(frames[..., :3], 1.0)}),
        1,
        [],
    )
    generator = seeded(1)
    for begin, end in ((0, 3), (3, 8), (8, 20)):
        past = min(begin, 2)
        told = {"codes": Track(frames[..., begin - past : end], 1.0)}
        state = tell(engine, state, told, past * 4)
        drawn = engine.draw(state, 4 * (end - begin), generator=generator)
        state = drawn.state
        parts.append(drawn.symbols)

    assert torch.equal(torch.cat(parts, 1), expected)


@pytest.mark.parametrize(
    ("settings", "millions"),
    [
        # ImageNet 64 as table 4 has it, and the text of Enwik8, whose sizes are the defaults.
        ({"stride": 128, "layers": 48, "width": 512, "heads": 16}, 152),
        ({"pattern": "fixed", "merged": True}, 95),
    ],
)
def test_the_papers_models_have_the_papers_sizes(settings, millions):
    with torch.device("meta"):
        model = registry.from_settings("sparse_transformer", {"positions": 12_288} | settings)
    assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(millions, rel=0.01)


def test_sizes_that_do_not_fit_are_refused():
    with pytest.raises(ConfigError, match="must be a multiple of model.stride=8"):
        transformer(stride=8, positions=36)
    with pytest.raises(ConfigError, match="merged is for strided and fixed, not for dense"):
        transformer(pattern="dense", merged=True)
    with pytest.raises(ConfigError, match="no multiple of heads=3"):
        transformer(heads=3)


def test_far_keys_find_a_bar_that_comes_again():
    """Bars of 16 random levels, played three times: two windows of 8 do not reach a bar back."""
    generator = seeded(0)
    bars = torch.randint(4, (64, 4, 16), generator=generator)
    levels = bars.repeat_interleave(3, 1).flatten(1)[:, :128]
    nats = {}
    for pattern in ("strided", "window"):
        torch.manual_seed(0)
        settings = {"bits": 2, "positions": 128, "stride": 8, "pattern": pattern}
        sizes = {"layers": 2, "width": 32, "heads": 2, "hidden": 2, "recompute": False}
        model = registry.from_settings("sparse_transformer", settings | sizes)
        x = model.render(levels)
        fitted = fit(model, {"audio": x}, steps=200, batch=16, learning_rate=5e-3)
        fresh = torch.randint(4, (16, 4, 16), generator=seeded(1)).repeat_interleave(3, 1)
        fresh = fitted.render(fresh.flatten(1)[:, :128])
        nats[pattern] = float(-fitted.log_prob(fresh).mean() / 128)
    assert nats["strided"] < nats["window"] - 0.2
