"""What is true of a subscale pixel network beyond the contract: the invariants of its sheet."""

import itertools
import math

import pytest
import torch
from sklearn.datasets import load_digits

from typica.core import registry
from typica.core.condition import Track
from typica.core.engine import StepEngine
from typica.core.errors import ConfigError, DataError, ShapeError
from typica.core.randomness import seeded
from typica.images.ordering import Ordering
from typica.training.fit import fit

DECODER = {"attention": 1, "attention_width": 8, "heads": 2, "layers": 1, "features": 12}
STACKS = {"attention": 0, "layers": 3}

CONFIGURATIONS = [
    {},
    {"factor": 1},
    {"factor": 4},
    {"first_bits": 1},
    {"first_bits": 2, "apart": True, "labels": 2},
    STACKS | {"apart": True, "labels": 3},
    STACKS | {"first_bits": 1, "factor": 1, "first_kernel": 5},
    {"attention": 2, "layers": 2, "factor": 1, "kernel": 5},
    {"channels": 3, "first_bits": 1, "height": 2},
]


def build(seed=0, scale=0.3, **settings):
    """Return a tiny network whose every parameter matters, in double precision."""
    torch.manual_seed(seed)
    size = {"channels": 1, "height": 4, "width": 4, "levels": 6, "factor": 2, "first_kernel": 3}
    size |= DECODER | {"told_channels": 8, "blocks": 2}
    model = registry.from_settings("subscale", size | settings).double().eval()
    for parameter in model.parameters():
        parameter.data += scale * torch.randn(parameter.shape)
    return model


def noise(model, count=1, seed=1):
    return torch.randint(model.config.levels, (count, *model.config.shape), generator=seeded(seed))


def all_images(model):
    """Return every image there is."""
    size = math.prod(model.config.shape)
    levels = itertools.product(range(model.config.levels), repeat=size)
    return torch.tensor(list(levels)).view(-1, *model.config.shape)


def told(model, count):
    labels = model.config.labels
    return {"label": Track(torch.arange(count) % labels)} if labels else {}


def probabilities(model, images):
    condition = {"label": Track(torch.zeros(len(images)).long())} if model.needs else {}
    return model.conditionals(images, condition).logits.exp()


def dependence(model, tries=4):
    """Return which symbols each distribution depends on, booleans (distributions, symbols)."""
    found = torch.zeros(model.length, model.length, dtype=torch.bool)
    index = torch.arange(model.length)
    for seed in range(tries):
        symbols = torch.randint(2, (model.length,), generator=seeded(seed))
        symbols = symbols.expand(model.length + 1, -1).clone()
        symbols[index, index] = 1 - symbols[index, index]  # both are parts of levels
        with torch.no_grad():
            rows = probabilities(model, model.render(symbols))
        # Rows of a batch may be rounded differently.
        found |= ((rows[:-1] - rows[-1]).abs() > 1e-11).any(-1).t()
    return found


@pytest.mark.parametrize("settings", CONFIGURATIONS)
def test_each_symbol_sees_all_that_come_before_it_and_no_others(settings):
    seen = dependence(build(**settings))
    assert torch.equal(seen, torch.ones_like(seen).tril(-1))


def test_a_pixel_sees_earlier_slices_on_its_right_and_below():
    model = build(height=8, width=8, blocks=1)
    rank = Ordering((1, 8, 8), 2).rank[0, 0]
    seen = dependence(model)

    # Of the last slice's pixel (3, 3): all its neighbours are of earlier slices.
    around = rank[2:5, 2:5].flatten()
    assert seen[rank[3, 3], around[around != rank[3, 3]]].all()
    # Of the third slice's pixel in the last column but one: also the last column, a row above.
    assert seen[rank[3, 6], rank[2, 7]]
    assert not seen[rank[3, 6], rank[3, 7]]


def test_gradients_of_a_slice_reach_what_came_before_and_nothing_else():
    model = build(first_bits=1)
    parts = torch.rand(1, 2, 1, 4, 4).double()
    for part, target in itertools.product(range(2), range(4)):
        stage = model.stages[part]
        given = parts.clone().requires_grad_()
        stage.embedder(given, torch.tensor([target])).square().sum().backward()
        assert torch.equal(given.grad[0, part, 0] != 0, stage.embedder.slice_of < target)
        other = torch.full((4, 4), part == 1)
        assert torch.equal(given.grad[0, 1 - part, 0] != 0, other)


def test_the_first_slice_is_told_the_same_of_all_images():
    model = build()
    told = model.stages[0].embedder(noise(model, 5)[:, None], torch.zeros(5).long())
    assert torch.equal(told, told[:1].expand_as(told))


# Which pixel stands at (i, j) of the blocks, for each slice of factor 2: rows and columns before
# the one that is drawn. Those marked None are not known yet.
TABLE = {
    0: {(0, 0): None, (0, 1): None, (1, 0): None, (1, 1): None},
    1: {(0, 0): None, (0, 1): None, (1, 0): 0, (1, 1): None},
    2: {(0, 0): 1, (0, 1): 0, (1, 0): None, (1, 1): None},
    3: {(0, 0): 0, (0, 1): 1, (1, 0): 2, (1, 1): None},
}


@pytest.mark.parametrize("target", range(4))
def test_earlier_slices_are_placed_relative_to_the_one_that_is_drawn(target):
    model = build(height=6, width=8, levels=48)
    image = torch.arange(48).view(1, 1, 1, 6, 8)  # a value is its place
    stack = model.stages[0].embedder.stack(image, torch.tensor([target]))[0]
    values, known = stack.view(2, 2, 2, 4, 5)
    levels = (values + 1) / 2 * 47

    for (i, j), slice_ in TABLE[target].items():
        assert bool(known[i, j].any()) == (slice_ is not None)
        for row, column in itertools.product(range(3), range(4)):
            y, x = 2 * row + target // 2 - (1 - i), 2 * column + target % 2 - (1 - j)
            is_there = slice_ is not None and y >= 0 and x >= 0
            assert known[i, j, row, column] == is_there
            if is_there:
                assert levels[i, j, row, column].round() == image[0, 0, 0, y, x]
                assert model.stages[0].embedder.slice_of[y, x] == slice_
            else:
                assert values[i, j, row, column] == 0


def test_slices_differ_by_more_than_where_their_neighbours_are():
    model = build(channels=3)
    blank = torch.zeros(4, 1, 3, 4, 4).long()
    embedder = model.stages[0].embedder
    embedder.read.weight.data.zero_()
    told = embedder(blank, torch.arange(4))
    assert len({tuple(row.flatten().tolist()) for row in told}) == 4
    # And pixels of one slice by their row and column.
    assert len({tuple(pixel.tolist()) for pixel in told[0].flatten(1).t()}) == 4


@pytest.mark.parametrize(
    "settings",
    [
        {"levels": 4},
        {"levels": 4, "first_bits": 1},
        {"levels": 4, "first_bits": 1, "apart": True, "labels": 2},
        {"levels": 4, "first_bits": 2},
        {"levels": 3, "first_bits": 1},
        {"levels": 5, "first_bits": 1},
        {"levels": 5, "first_bits": 2} | STACKS,
        {"levels": 3, "factor": 1},
        {"levels": 2, "channels": 3, "first_bits": 1, "factor": 1, "height": 1},
        {"levels": 3, "channels": 3, "first_bits": 1, "factor": 1, "height": 1},
    ],
)
def test_all_images_together_have_probability_one(settings):
    model = build(**({"height": 2, "width": 2} | settings))
    with torch.no_grad():
        images = all_images(model)
        condition = {"label": Track(torch.ones(len(images)).long())} if model.needs else {}
        total = model.log_prob(images, condition).exp().sum()
    assert float(total) == pytest.approx(1, abs=1e-9)


def test_the_parts_are_the_margin_and_what_it_leaves_of_a_trained_model():
    model = build(levels=4, first_bits=1, height=2, width=2).float()
    corners = torch.tensor([[[[0, 3], [3, 0]]], [[[1, 2], [2, 2]]]]).repeat(32, 1, 1, 1)
    model = fit(model.train(), {"image": corners}, steps=40, batch=16, learning_rate=1e-2).double()
    every = all_images(model)

    joint = model.log_prob(every).exp()
    first = model.symbols(every)[:, :4].mul(torch.tensor([8, 4, 2, 1])).sum(1)
    margin = torch.zeros(16).double().index_add(0, first, joint)

    learnt = (every == corners[0]).all((1, 2, 3))
    assert joint[learnt] > 10 / 256
    parts = model.slice_log_probs(every).sum(2).exp()
    torch.testing.assert_close(parts[:, 0], margin[first], atol=1e-9, rtol=1e-6)
    torch.testing.assert_close(parts[:, 1], joint / margin[first], atol=1e-9, rtol=1e-6)


def test_no_level_is_drawn_that_there_is_not():
    model = build(levels=5, first_bits=1, scale=0.5)
    drawn = model.sample(300, model.length, generator=seeded(0))
    assert set(drawn.unique().tolist()) == set(range(5))
    with torch.no_grad():
        prices = model.conditionals(drawn).logits[:, 16:]
    # Of five levels the first bit 1 stands for 4 alone: nothing is left to draw.
    highest = model.symbols(drawn)[:, :16] == 1
    assert (prices[highest][:, 0] == 0).all()
    assert prices[highest][:, 1:].isneginf().all()


@pytest.mark.parametrize("settings", CONFIGURATIONS)
def test_blocks_of_any_size_equal_the_full_pass(settings):
    model = build(**settings)
    images = noise(model, 2)
    symbols, state = model.symbols(images), model.start(2, told(model, 2))
    previous = torch.cat([torch.full((2, 1), model.initial), symbols[:, :-1]], 1)

    with torch.no_grad():
        blocks, begin, sizes = [], 0, itertools.cycle([1, 2, 5, 1, 1, 9, 3])
        while begin < model.length:
            block = previous[:, begin : begin + next(sizes)]
            distribution, state = model.advance(block, state)
            blocks.append(distribution.logits)
            begin += block.shape[1]

    expected = model.conditionals(images, told(model, 2)).logits
    torch.testing.assert_close(torch.cat(blocks, 1), expected, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("settings", CONFIGURATIONS)
def test_slices_scored_by_themselves_add_up_to_the_whole(settings):
    model = build(**settings)
    images, config, condition = noise(model, 3), model.config, told(model, 3)
    whole = model.slice_log_probs(images, condition)
    torch.testing.assert_close(whole.sum((1, 2)), model.log_prob(images, condition))

    for number, stage in enumerate(model.stages):
        for target in stage.numbers:
            # For each image another slice of the stage stands beside it in the batch.
            targets = torch.tensor([target, stage.numbers[0], stage.numbers[-1]])
            found = model.target_log_prob(number, images, targets, condition)
            expected = whole[torch.arange(3), stage.part, targets]
            torch.testing.assert_close(found, expected, atol=1e-9, rtol=1e-9)
    assert whole.shape == (3, 2 if config.last_bits else 1, config.factor**2)


@pytest.mark.parametrize("settings", [{}, {"first_bits": 2, "apart": True}, {"factor": 4}])
def test_the_loss_of_random_slices_is_right_in_the_mean(settings, monkeypatch):
    model = build(**settings)
    batch = {"image": noise(model, 4)}
    total = 0.0
    for number, stage in enumerate(model.stages):
        found = []
        for chosen in range(len(stage.numbers)):
            monkeypatch.setattr(torch, "randint", lambda *_, c=chosen: torch.full((4,), c))
            found.append(model.loss(number, batch)["nll"])
        total = total + torch.stack(found).mean()
    torch.testing.assert_close(total, model.likelihood_loss(batch)["nll"].to(total))


def test_slices_of_the_loss_are_drawn_alike_and_for_each_image():
    model, seen = build(factor=2, apart=True), []
    model.target_log_prob = lambda number, x, target, _: seen.append(target) or torch.zeros(len(x))
    torch.manual_seed(0)
    model.loss(1, {"image": noise(model, 3000)})
    counts = seen[0].bincount(minlength=4)
    assert counts[0] == 0
    assert (counts[1:] - 1000).abs().max() < 120


@pytest.mark.parametrize("channels", [1, 3])
def test_attention_reaches_what_convolutions_do_not(channels):
    size = {"channels": channels, "height": 1, "width": 10, "factor": 1, "layers": 1}
    far = [dependence(build(attention=layers, **size))[-1, 0] for layers in (0, 1)]
    assert far == [False, True]


def test_what_is_told_of_a_pixel_reaches_attention_and_both_stacks():
    model = build(height=8, width=8)
    decoder, head = model.stages[0].decoder, model.stages[0].head

    def features(told):
        return decoder.follow(head, torch.zeros(1, 16).long(), decoder.start(told))[0].values[0]

    told = torch.zeros(1, 8, 4, 4).double()
    other = told.clone()
    other[..., 1, 1] = 1
    changed = (features(told) != features(other)).any(-1).view(4, 4)
    # The attention of all that follow hears of it, and nothing that comes before.
    assert torch.equal(changed.flatten(), torch.arange(16) >= 5)
    for block in decoder.blocks:
        block.attention.write.weight.data.zero_()
    changed = (features(told) != features(other)).any(-1).view(4, 4)
    assert changed.sum() == 1
    assert changed[1, 1]


def test_classes_differ_in_every_slice_and_part():
    model = build(labels=3, first_bits=1)
    prices = model.slice_log_probs(noise(model).expand(3, -1, -1, -1), told(model, 3))
    assert ((prices[0] - prices[1:]).abs() > 1e-6).all()


@pytest.mark.parametrize("first_bits", [0, 3])
def test_without_last_bits_there_is_one_part(first_bits):
    model, plain = build(levels=8, first_bits=first_bits), build(levels=8)
    images = noise(model, 2)

    assert [phase.name for phase in model.phases()] == ["slices"]
    assert model.length == 16
    assert torch.equal(model.log_prob(images), plain.log_prob(images))


def test_an_untrained_network_finds_all_images_equally_likely():
    for settings in ({}, {"first_bits": 1, "levels": 8}):
        model = build(scale=0.0, **settings)
        bits = -model.log_prob(noise(model, 3)) / math.log(2) / 16
        torch.testing.assert_close(bits, torch.full_like(bits, math.log2(model.config.levels)))


def test_symbols_are_images_in_order_and_back():
    model = build(channels=3, levels=200, first_bits=3)
    images = noise(model, 4)
    symbols = model.symbols(images)
    assert torch.equal(model.render(symbols), images)
    assert int(symbols[:, : model.length // 2].max()) <= 7
    assert torch.equal(symbols[:, 0] * 32 + symbols[:, model.length // 2], images[:, 0, 0, 0])


def test_a_small_image_that_is_given_is_drawn_larger(tmp_path):
    model = build(first_bits=1, apart=True)
    small = model.symbols(noise(model, 2))[:, :4]
    engine = StepEngine(model)
    _, state = engine.follow(small, engine.start(2))
    state.save(tmp_path / "after_the_first_slice")

    drawn = engine.draw(state, model.length - 4, generator=seeded(1), spread=True)
    again = engine.draw(engine.load(tmp_path / "after_the_first_slice"), 28, generator=seeded(1))

    images = model.render(torch.cat([small, drawn.symbols], 1))
    assert torch.equal(images[:, :, ::2, ::2] >> 2, small.view(2, 1, 2, 2))
    assert torch.equal(again.symbols, drawn.symbols)
    expected = model.conditionals(images).log_prob(model.symbols(images))[:, 4:]
    torch.testing.assert_close(drawn.log_prob, expected, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"factor": 3}, "4x4 pixels cannot be cut into 3x3 slices"),
        ({"factor": 0}, "model.factor must be at least 1"),
        ({"first_bits": 4}, "model.first_bits must be at most 3 for 6 levels, got 4"),
        ({"factor": 1, "apart": True}, "model.apart needs model.factor of at least 2"),
        ({"kernel": 4}, "model.kernel must be 3, 5, 7, ..., got 4"),
        ({"first_kernel": 1}, "model.first_kernel must be 3, 5, 7"),
        ({"dropout": 1.0}, "model.dropout must be from 0 to below 1"),
        ({"channels": 3, "features": 4}, "model.features must be a multiple of 3"),
        ({"heads": 3}, "model.attention_width must be a multiple of model.heads=3, got 8"),
        ({"attention": -1}, "model.attention must not be below 0"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, sentence):
    with pytest.raises(ConfigError, match=sentence):
        build(**settings)


def test_images_and_outputs_that_cannot_be_are_refused():
    model = build()
    with pytest.raises(ShapeError, match=r"images must have shape \(batch, 1, 4, 4\), got"):
        model.log_prob(torch.zeros(2, 1, 4, 5).long())
    with pytest.raises(DataError, match="whole numbers from 0 to 5"):
        model.log_prob(torch.full((1, 1, 4, 4), 6))
    with pytest.raises(ShapeError, match="an image has 16 symbols"):
        model.sample(1, 17)


@pytest.fixture(scope="module")
def digits():
    """Scikit-learn's digits: 1,200 to train on, 597 held out, shape (count, 1, 8, 8)."""
    images = torch.tensor(load_digits().images, dtype=torch.long)[:, None]
    images = images[torch.randperm(len(images), generator=seeded(0))]
    return images[:1200], images[1200:]


def histogram_bits(train, test):
    """Return bits of each value under a histogram of its place, (channels, height, width)."""
    found = []
    for amount in (0.1, 0.3, 1.0):
        counts = torch.nn.functional.one_hot(train, 17).sum(0).double() + amount
        chances = (counts / counts.sum(-1, keepdim=True)).expand(len(test), -1, -1, -1, -1)
        found.append(-chances.gather(-1, test[..., None])[..., 0].log2().mean(0))
    return torch.stack(found).amin(0)


def bits_of_slices(model, images):
    """Return bits a value of each slice of factor 2."""
    with torch.no_grad():
        return -model.slice_log_probs(images)[:, 0].mean(0) / math.log(2) / 16


def test_it_learns_digits_slice_by_slice(digits):
    train, test = digits
    torch.manual_seed(0)
    size = {"told_channels": 24, "blocks": 2, "attention": 1, "layers": 2, "dropout": 0.0}
    model = registry.build("subscale", "small", **size)

    model = fit(model, {"image": train}, steps=150, batch=64, learning_rate=6e-3)

    slices = bits_of_slices(model, test)
    assert slices.mean() < histogram_bits(train, test).mean() - 0.25
    assert slices[1:].max() < slices[0] - 0.2  # what each earlier slice is worth


@pytest.mark.slow
def test_a_decoder_that_is_told_nothing_learns_more_of_the_first_slice_than_a_histogram(digits):
    train, test = digits
    torch.manual_seed(0)
    model = registry.build("subscale", "small", apart=True)

    model = fit(model, {"image": train}, steps=400, batch=128, learning_rate=1e-2)

    assert bits_of_slices(model, test)[0] < histogram_bits(train, test)[:, ::2, ::2].mean() - 0.05
