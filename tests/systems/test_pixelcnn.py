"""What is true of PixelCNN beyond the contract: the invariants of its sheet."""

import itertools
import math
import time

import pytest
import torch
from sklearn.datasets import load_digits

from typica.core import registry
from typica.core.condition import Track
from typica.core.errors import ConfigError, DataError, ShapeError
from typica.core.randomness import draw_index, seeded
from typica.expressions import cached
from typica.training.fit import fit

COLOUR = {"channels": 3, "features": 12, "levels": 5}
MIXTURE = {"output": "logistics", "components": 3}
CONFIGURATIONS = [
    {},
    {"variant": "plain"},
    {"height": 5, "width": 9, "kernel": 5, "first_kernel": 7},
    {"height": 1, "labels": 3},
    {"width": 1, "variant": "plain", "labels": 3},
    {"height": 7, "width": 4, "variant": "plain", "kernel": 5, "first_kernel": 3},
    COLOUR | {"height": 4, "width": 5},
    COLOUR | {"height": 4, "width": 5, "variant": "plain", "labels": 2},
    MIXTURE,
    COLOUR | MIXTURE | {"height": 5, "width": 4},
    COLOUR | MIXTURE | {"height": 5, "width": 4, "variant": "plain"},
]


def build(seed=0, scale=0.3, **settings):
    """Return a tiny PixelCNN whose every parameter matters, in double precision."""
    torch.manual_seed(seed)
    model = registry.build("pixelcnn", "tiny", **settings).double().eval()
    for parameter in model.parameters():
        parameter.data += scale * torch.randn(parameter.shape)
    return model


def told(model, count):
    labels = model.config.labels
    return {"label": Track(torch.arange(count) % labels)} if labels else {}


def noise(model, count=1, seed=1):
    shape = (count, model.config.channels, model.config.height, model.config.width)
    return torch.randint(model.config.levels, shape, generator=seeded(seed))


def numbers(distribution):
    """Return what parametrises a distribution, (batch, symbols, parameters)."""
    if hasattr(distribution, "mean_"):
        parts = (distribution.logits.log_softmax(-1), distribution.mean_, distribution.log_scale)
        return torch.cat(parts, -1)
    return distribution.logits


def all_images(model):
    """Return every image there is."""
    codes = itertools.product(range(model.config.levels), repeat=model.length)
    return model.render(torch.tensor(list(codes)))


def dependence(model, tries=3):
    """Return which symbols each distribution depends on, booleans (distributions, symbols)."""
    found = torch.zeros(model.length, model.length, dtype=torch.bool)
    for seed in range(tries):
        symbols = model.symbols(noise(model, seed=seed)).expand(model.length + 1, -1).clone()
        index = torch.arange(model.length)
        symbols[index, index] = (symbols[index, index] + 1) % model.config.levels
        condition = {"label": Track(torch.zeros(len(symbols)).long())} if model.needs else {}
        rows = numbers(model.conditionals(model.render(symbols), condition))
        # Rows of a batch may be rounded differently.
        found |= ((rows[:-1] - rows[-1]).abs() > 1e-11).any(-1).t()
    return found


def reach(model, row, column):
    """Return what the pixel at a place sees of a grey image, booleans (height, width)."""
    height, width = model.config.height, model.config.width
    return dependence(model)[row * width + column].view(height, width)


@pytest.mark.parametrize("settings", CONFIGURATIONS)
def test_no_symbol_sees_itself_or_what_comes_after_it(settings):
    seen = dependence(build(**settings))

    assert not seen.triu().any()
    # Each sees the one before it: the channel before, or the pixel on the left.
    width = settings.get("width", 8) * settings.get("channels", 1)
    same_row = torch.arange(1, len(seen)) % width != 0
    assert seen.diagonal(-1)[same_row].all()


@pytest.mark.parametrize("output", ["categorical", "logistics"])
@pytest.mark.parametrize("variant", ["gated", "plain"])
def test_green_sees_red_and_blue_sees_both_within_a_pixel(variant, output):
    model = build(**COLOUR, height=3, width=3, variant=variant, output=output)
    seen = dependence(model).view(9, 3, 9, 3)

    centre, left = seen[4, :, 4], seen[4, :, 3]

    assert torch.equal(centre, torch.ones(3, 3, dtype=torch.bool).tril(-1))
    assert left.all()


@pytest.mark.parametrize(("layers", "kernel", "first"), [(1, 3, 3), (2, 3, 5), (1, 5, 3)])
def test_two_stacks_see_all_that_is_above_and_on_the_left_within_reach(layers, kernel, first):
    model = build(height=7, width=13, layers=layers, kernel=kernel, first_kernel=first)
    far = first // 2 + layers * (kernel // 2)

    seen = reach(model, 6, 6)

    expected = torch.zeros(7, 13, dtype=torch.bool)
    expected[6 - far : 6, 6 - far : 6 + far + 1] = True
    expected[6, 6 - far : 6] = True
    assert torch.equal(seen, expected)


def test_one_stack_is_blind_for_what_is_above_on_the_right():
    model = build(height=7, width=13, layers=3, kernel=3, first_kernel=3, variant="plain")

    seen = reach(model, 6, 6)

    # Each row upwards lets it see one column more on the right, whatever the layers.
    up, right = torch.meshgrid(6 - torch.arange(7), torch.arange(13) - 6, indexing="ij")
    expected = (up <= 4) & (right >= -4) & (right <= up) & ((up > 0) | (right < 0))
    assert torch.equal(seen, expected)


def test_the_first_row_is_read_to_its_beginning():
    # A mask on convolutions of 1x1 would cut it off.
    for variant in ("gated", "plain"):
        model = build(height=2, width=6, layers=4, variant=variant)
        assert reach(model, 0, 5)[0, :5].all()


def test_convolutions_of_one_pixel_of_grey_are_not_masked():
    for variant in ("gated", "plain"):
        model = build(variant=variant)
        points = [m for m in model.modules() if getattr(m, "kernel_size", None) == (1, 1)]
        assert len(points) >= 2 * model.config.layers + 2
        assert all("weight" in dict(m.named_parameters(recurse=False)) for m in points)


def test_the_vertical_stack_hears_nothing_of_the_horizontal_one():
    model = build(COLOUR["levels"], **COLOUR)
    state = model.advance(model.symbols(noise(model))[:, :130], model.start(1))[1]
    network = model.network

    loss = sum(part.square().sum() for part in (*state.memory.above, *state.memory.links))
    loss.backward()

    assert all(p.grad is None for p in network.horizontal.parameters())
    assert all(p.grad is None for p in network.row.parameters())
    assert all(p.grad.abs().sum() > 0 for p in network.above.parameters())


def test_the_horizontal_stack_hears_the_vertical_one_before_its_gate():
    model = build(height=2, width=5, layers=1)
    layer, features = model.network.vertical[0], model.config.features

    layer.link.weight.data[:, features:] = 0  # it is told of the tanh's half alone,
    layer.filter.bias.data[features:] = -1e4  # and the gate is shut

    assert reach(model, 1, 2)[0].all()


@pytest.mark.parametrize("settings", CONFIGURATIONS)
def test_blocks_of_any_size_equal_the_full_pass(settings):
    model = build(**settings)
    images = noise(model, 2)
    symbols, state = model.symbols(images), model.start(2, told(model, 2))
    previous = torch.cat([torch.full((2, 1), model.initial), symbols[:, :-1]], 1)

    with torch.no_grad():
        blocks, begin, sizes = [], 0, itertools.cycle([1, 2, 13, 1, 1, 5, 29])
        while begin < model.length:
            block = previous[:, begin : begin + next(sizes)]
            distribution, state = model.advance(block, state)
            blocks.append(numbers(distribution))
            begin += block.shape[1]

    expected = numbers(model.conditionals(images, told(model, 2)))
    torch.testing.assert_close(torch.cat(blocks, 1), expected, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize(
    "settings",
    [
        {"height": 2, "width": 2, "levels": 2},
        {"height": 2, "width": 2, "levels": 2, "variant": "plain"},
        {"height": 2, "width": 2, "levels": 3},
        {"height": 2, "width": 3, "levels": 3, "output": "logistics", "components": 2},
        COLOUR | {"height": 1, "width": 1, "levels": 3},
        COLOUR | {"height": 1, "width": 1, "levels": 3, "variant": "plain"},
        COLOUR | {"height": 1, "width": 1, "levels": 3, "labels": 2},
        COLOUR | MIXTURE | {"height": 1, "width": 1, "levels": 4},
        COLOUR | MIXTURE | {"height": 1, "width": 2, "levels": 3},
    ],
)
def test_probabilities_of_all_images_sum_to_one(settings):
    model = build(scale=1.0, **settings)
    images = all_images(model)
    condition = {"label": Track(torch.ones(len(images)).long())} if model.needs else {}

    total = model.log_prob(images, condition).exp().sum()

    assert total.item() == pytest.approx(1, abs=1e-9)


def test_masses_of_each_channel_sum_to_one_and_the_outermost_hold_the_tails():
    model = build(scale=1.0, **COLOUR, **MIXTURE, height=3, width=3)
    mixture = model.conditionals(noise(model))

    masses = torch.stack([mixture.log_prob(torch.tensor(q)) for q in range(5)], -1).exp()

    torch.testing.assert_close(masses.sum(-1), torch.ones(1, 27).double())
    weights, scale = mixture.logits.softmax(-1), mixture.log_scale.exp()
    below = (weights * torch.sigmoid((-0.75 - mixture.mean_) / scale)).sum(-1)
    torch.testing.assert_close(masses[..., 0], below)


def test_means_of_a_component_follow_the_channels_before():
    model = build(scale=1.0, **COLOUR, **MIXTURE, height=1, width=1)
    outputs = model.head.last.bias.detach()
    model.head.last.weight.data.zero_()
    _, *means, _, _, _, a, b, c = outputs.view(-1, 3)
    red, green = -0.5, 1.0  # levels 1 and 4 of 5

    found = model.conditionals(torch.tensor([1, 4, 2]).view(1, 3, 1, 1)).mean_[0]

    torch.testing.assert_close(found[0], means[0])
    torch.testing.assert_close(found[1], means[1] + a.tanh() * red)
    torch.testing.assert_close(found[2], means[2] + b.tanh() * red + c.tanh() * green)


def test_a_component_is_drawn_for_the_whole_pixel():
    model = build(scale=1.0, **COLOUR, **MIXTURE, height=1, width=1)
    model.head.last.weight.data.zero_()
    logits, *means, r, g, b, _, _, _ = model.head.last.bias.detach().view(10, 3)
    model.head.last.bias.data[-9:] = 0  # means follow nothing
    edges = torch.tensor([-math.inf, -0.75, -0.25, 0.25, 0.75, math.inf]).double()

    found = model.log_prob(all_images(model)).view(5, 5, 5).exp()

    masses = [
        torch.sigmoid((edges[:, None] - mean) / scale.exp()).diff(dim=0)
        for mean, scale in zip(means, (r, g, b), strict=True)
    ]
    expected = torch.einsum("k,rk,gk,bk->rgb", logits.softmax(0), *masses)
    torch.testing.assert_close(found, expected)


def test_a_mixture_takes_one_pass_for_all_channels_of_a_pixel():
    model = build(**COLOUR, **MIXTURE, height=3, width=2)
    passes = []
    model.head.register_forward_hook(lambda *_: passes.append(1))

    model.sample(1, model.length, generator=seeded(0))

    assert len(passes) == 6


@pytest.mark.parametrize(
    "settings", [{"height": 2, "width": 2, "levels": 3}, COLOUR | {"height": 1, "width": 2}]
)
def test_sampling_draws_what_the_density_says(settings):
    model = build(scale=1.0, **settings)
    fast, slow = (seeded(1) for _ in "ab")

    # Slow and plainly right: price each continuation of the past, then draw one.
    symbols = torch.zeros(1, model.length, dtype=torch.long)
    for place in range(model.length):
        candidates = symbols.repeat(model.config.levels, 1)
        candidates[:, place] = torch.arange(model.config.levels)
        rows = model.conditionals(model.render(candidates)).log_prob(candidates)
        drawn = draw_index(rows[None, :, place], slow)
        symbols = candidates[drawn]

    images = model.sample(1, model.length, generator=fast)
    assert torch.equal(images, model.render(symbols))


def test_colours_of_a_mixture_are_drawn_as_often_as_it_says():
    model = build(scale=1.0, **COLOUR | MIXTURE | {"height": 1, "width": 1, "levels": 3})
    count = 40_000

    with torch.no_grad():
        drawn = model.symbols(model.sample(count, 3, generator=seeded(1)))
        chances = model.log_prob(all_images(model)).exp()

    found = torch.bincount(drawn @ torch.tensor([9, 3, 1]), minlength=27) / count
    error = (chances * (1 - chances) / count).sqrt()
    assert ((found - chances).abs() < 4.5 * error + 1e-4).all()


@pytest.mark.parametrize("settings", [{}, COLOUR, {"variant": "plain"}, COLOUR | MIXTURE])
def test_what_is_masked_stays_masked_in_training(settings):
    model = build(**settings)
    groups = [{"params": list(model.parameters()), "weight_decay": 0.1}]
    optimiser = torch.optim.SGD(groups, lr=0.05, momentum=0.9)
    layers = [m for m in model.modules() if hasattr(m, "weight_expr")]
    masked = [layer.weight == 0 for layer in layers]

    for step in range(3):
        optimiser.zero_grad()
        model.likelihood_loss({"image": noise(model, 4, seed=step)})["nll"].backward()
        optimiser.step()

    assert layers
    for layer, mask in zip(layers, masked, strict=True):
        assert mask.any()
        assert torch.equal(layer.weight == 0, mask)
    assert not dependence(model, tries=1).triu().any()


@pytest.mark.parametrize("settings", [{"levels": 256}, COLOUR, {"variant": "plain", "levels": 2}])
def test_an_untrained_model_finds_all_images_equally_likely(settings):
    model = registry.build("pixelcnn", "tiny", **settings)

    bits = -model.log_prob(noise(model, 3)) / math.log(2) / model.length

    torch.testing.assert_close(bits, torch.full((3,), math.log2(model.config.levels)).double())


def test_classes_differ():
    for variant in ("gated", "plain"):
        model = build(labels=3, variant=variant)
        prices = model.log_prob(noise(model).expand(3, -1, -1, -1), told(model, 3))
        assert len(set(prices.tolist())) == 3


@pytest.mark.parametrize("variant", ["gated", "plain"])
def test_dropout_is_for_training_alone(variant):
    torch.manual_seed(0)
    model = registry.build("pixelcnn", "tiny", dropout=0.5, variant=variant)
    model.head.last.weight.data.normal_()
    images = noise(model)

    torch.manual_seed(1)
    assert model.log_prob(images) != model.log_prob(images)
    assert model.eval().log_prob(images) == model.log_prob(images)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"kernel": 4}, "model.kernel must be 3, 5, 7, ..., got 4"),
        ({"first_kernel": 1}, "model.first_kernel must be"),
        ({"levels": 1}, "model.levels must be from 2"),
        ({"layers": 0}, "model.layers must be at least 1"),
        ({"dropout": 1.0}, "model.dropout must be"),
        ({"labels": -1}, "model.labels must not be below 0"),
        ({"channels": 2}, "model.channels must be one of 1, 3"),
        ({"channels": 3, "features": 16}, "model.features must be a multiple of 3"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, sentence):
    with pytest.raises(ConfigError, match=sentence):
        registry.build("pixelcnn", "tiny", **settings)


def test_images_that_cannot_be_are_refused():
    model = registry.build("pixelcnn", "tiny")
    with pytest.raises(ShapeError, match=r"images must have shape \(batch, 1, 8, 8\), got"):
        model.log_prob(torch.zeros(2, 1, 8, 9).long())
    with pytest.raises(DataError, match="whole numbers from 0 to 16"):
        model.log_prob(torch.full((1, 1, 8, 8), 17))
    with pytest.raises(DataError, match="whole numbers"):
        model.log_prob(torch.rand(1, 1, 8, 8))
    with pytest.raises(ShapeError, match="an image has 64 symbols"):
        model.sample(1, 65)
    with pytest.raises(ShapeError, match="an image has 64 symbols, got 10"):
        model.sample(1, 10)


@pytest.fixture(scope="module")
def digits():
    """Scikit-learn's digits: 1,200 to train on, 597 held out, shape (count, 1, 8, 8)."""
    images = torch.tensor(load_digits().images, dtype=torch.long)[:, None]
    images = images[torch.randperm(len(images), generator=seeded(0))]
    return images[:1200], images[1200:]


def table_bits(train, test, contexts, smoothing):
    """Return bits a pixel of a table of counts: of a level, in a context of each pixel."""
    counts = torch.full((int(contexts(test).max() + contexts(train).max()) + 1, 17), smoothing)
    counts = counts.double()
    ones = torch.ones(train.numel()).double()
    counts.index_put_((contexts(train).flatten(), train.flatten()), ones, accumulate=True)
    chances = counts / counts.sum(1, keepdim=True)
    return -chances[contexts(test).flatten(), test.flatten()].log2().mean().item()


def place(images):
    return torch.arange(64).view(8, 8).expand_as(images)


def left_and_above(images):
    left, above = torch.zeros_like(images), torch.zeros_like(images)
    left[..., 1:], above[..., 1:, :] = images[..., :-1], images[..., :-1, :]
    return 17 * left + above


def baselines(train, test):
    """Return bits a pixel of the two tables, each with the smoothing that suits the test best."""
    amounts = (0.03, 0.1, 0.3, 1.0)
    return [
        min(table_bits(train, test, contexts, amount) for amount in amounts)
        for contexts in (place, left_and_above)
    ]


def bits(model, images):
    with torch.no_grad():
        return -model.log_prob(images).mean().item() / math.log(2) / model.length


def test_it_learns_more_of_digits_than_tables_of_counts(digits):
    train, test = digits
    torch.manual_seed(0)
    model = registry.build("pixelcnn", "small", layers=3, features=24, dropout=0.0)

    model = fit(model, {"image": train}, steps=200, batch=32, learning_rate=1e-2)

    assert bits(model, test) < min(baselines(train, test)) - 0.3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "margin"),
    [({}, 0.55), ({"variant": "plain"}, 0.5), ({"output": "logistics"}, 0.55)],
)
def test_it_learns_digits_well_in_a_minute(digits, settings, margin):
    train, test = digits
    torch.manual_seed(0)
    model = registry.build("pixelcnn", "small", **settings)

    model = fit(model, {"image": train}, steps=800, batch=32, learning_rate=1e-2, average=0.995)

    assert bits(model, test) < min(baselines(train, test)) - margin


@pytest.mark.slow
@pytest.mark.parametrize(("settings", "ratio"), [({}, 20), ({"variant": "plain"}, 6)])
def test_sampling_is_far_cheaper_than_a_full_pass_for_each_symbol(settings, ratio):
    model = registry.build("pixelcnn", "small", height=28, width=28, **settings).eval()
    with torch.no_grad(), cached(model):
        began = time.process_time()
        images = model.sample(16, model.length, generator=seeded(0))
        took = time.process_time() - began
        began = time.process_time()
        for _ in range(5):
            model.log_prob(images)
        full_pass = (time.process_time() - began) / 5

    assert full_pass * model.length > ratio * took
