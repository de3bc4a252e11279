"""What is true of Glow beyond the contract: the invariants of the sheet on flows."""

import math

import pytest
import torch
import torch.nn.functional as F

from typica.core import registry
from typica.core.errors import ConfigError, DataError, ShapeError
from typica.core.randomness import seeded
from typica.expressions import remove
from typica.images.photographs import patches
from typica.systems.images.glow import (
    BOUND,
    ActNorm,
    Coupling,
    LastLayer,
    Mixing,
    Network,
    outputs,
)
from typica.training.fit import fit

SMALL = {"height": 4, "width": 4, "hidden": 6}
TINY = {"height": 2, "width": 2, "scales": 1, "hidden": 4}


def randomised(module, scale=0.3, seed=1):
    """Move every parameter: with what begins at zero, any map is undone by the identity."""
    generator = seeded(seed)
    for parameter in module.parameters():
        parameter.data += scale * torch.randn(parameter.shape, generator=generator)
    return module.double().eval()


def glow(scale=0.3, **settings):
    torch.manual_seed(0)
    return randomised(registry.build("glow", "tiny", **settings), scale)


def layers():
    torch.manual_seed(0)
    found = [ActNorm(4), Mixing(4, "plu"), Mixing(4, "plain"), Coupling(LastLayer(2, 4), "affine")]
    for kind in ("affine", "additive"):
        found.append(Coupling(Network(2, 6, outputs(kind, 2)), kind))
    return [randomised(layer) for layer in found]


def log_det_of(function, x):
    """Log |determinant| of the Jacobian at one example, by automatic differentiation."""
    jacobian = torch.autograd.functional.jacobian(lambda v: function(v[None])[0].flatten(), x)
    return torch.linalg.slogdet(jacobian.reshape(x.numel(), x.numel())).logabsdet


IMAGES = torch.rand(3, 1, 4, 4, generator=seeded(0), dtype=torch.float64) * 16
KINDS = [
    {"coupling": coupling, "mixing": mixing, "scales": scales}
    for coupling, mixing, scales in [
        ("affine", "plu", 2),
        ("affine", "plain", 1),
        ("additive", "plu", 2),
    ]
]


@pytest.mark.parametrize("layer", layers(), ids=lambda layer: type(layer).__name__)
def test_every_layer_is_undone_and_tells_its_log_determinant(layer):
    x = torch.randn(3, 4, 2, 2, generator=seeded(2), dtype=torch.float64)
    y, log_det = layer(x)
    assert (y - x).abs().max() > 0.1

    torch.testing.assert_close(layer.inverse(y), x, atol=1e-10, rtol=0)
    for number in range(3):
        expected = log_det_of(lambda v: layer(v)[0], x[number])
        torch.testing.assert_close(log_det[number], expected, atol=1e-8, rtol=0)
    single = layer.float()
    torch.testing.assert_close(single.inverse(single(x.float())[0]), x.float(), atol=1e-5, rtol=0)


@pytest.mark.parametrize("settings", KINDS, ids=str)
def test_the_flow_is_undone(settings):
    model = glow(0.15, **SMALL, **settings)
    latents, _ = model(IMAGES)

    assert latents.shape == (3, 16)
    torch.testing.assert_close(model.inverse(latents), IMAGES, atol=1e-10, rtol=0)
    model = model.float()
    # Values are as large as the number of levels.
    again = model.inverse(model(IMAGES.float())[0])
    torch.testing.assert_close(again, IMAGES.float(), atol=16e-5, rtol=0)


@pytest.mark.parametrize("settings", KINDS, ids=str)
def test_log_determinants_are_those_of_the_jacobian_in_both_directions(settings):
    model = glow(**SMALL, **settings)
    latents, log_det = model(IMAGES)

    for number in range(3):
        there = log_det_of(lambda x: model(x)[0], IMAGES[number])
        back = log_det_of(model.inverse, latents[number].detach())
        torch.testing.assert_close(log_det[number].double(), there, atol=1e-8, rtol=0)
        torch.testing.assert_close(there, -back, atol=1e-8, rtol=0)


def test_log_determinants_are_those_of_each_example():
    model = glow(**SMALL)

    together = model(IMAGES)[1]
    alone = torch.cat([model(image[None])[1] for image in IMAGES])

    torch.testing.assert_close(together, alone)
    assert together.std() > 0.1


def test_the_density_integrates_to_one():
    model = glow(0.15, **TINY, levels=2)
    model.requires_grad_(False)
    drawn = model.inverse(torch.randn(2000, 4, generator=seeded(0), dtype=torch.float64))
    width, centre = (value.flatten() for value in torch.std_mean(drawn, 0))
    steps = torch.linspace(-6, 6, 26, dtype=torch.float64)
    offsets = torch.cartesian_prod(*[steps * w for w in width])

    density = model.log_prob((centre + offsets).view(-1, 1, 2, 2)).exp()
    cell = (steps[1] - steps[0]) ** 4 * width.prod()

    assert float(density.sum() * cell) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_product_of_triangles_mixes_as_the_plain_matrix_does(sign):
    torch.manual_seed(0)
    product = randomised(Mixing(6, "plu"))
    while torch.linalg.det(product.weight).sign() != sign:
        product = randomised(Mixing(6, "plu"))
    plain = Mixing(6, "plain").double()
    plain.weight.data = product.weight.detach()
    x = torch.randn(2, 6, 3, 5, dtype=torch.float64)

    for one, other in zip(plain(x), product(x), strict=True):
        torch.testing.assert_close(one, other, atol=1e-10, rtol=0)
    torch.testing.assert_close(plain.inverse(x), product.inverse(x), atol=1e-9, rtol=0)
    expected = 15 * torch.linalg.slogdet(plain.weight).logabsdet  # once for each pixel
    torch.testing.assert_close(plain(x)[1], expected.expand(2))


def test_the_first_training_batch_is_normalised_and_no_later_one():
    layer = ActNorm(3)
    first, second = torch.randn(2, 50, 3, 4, 4, generator=seeded(0)) * 3 + 7

    y, log_det = layer(first)
    statistics = layer.mean.clone(), layer.deviation.clone()
    later, _ = layer(second + 5)

    deviation, mean = torch.std_mean(y, (0, 2, 3), correction=0)
    torch.testing.assert_close(mean, torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(deviation, torch.ones(3), atol=1e-4, rtol=0)
    expected = -16 * first.std((0, 2, 3), correction=0).log().sum()
    torch.testing.assert_close(log_det, expected.expand(50))
    assert torch.equal(torch.stack(statistics), torch.stack([layer.mean, layer.deviation]))
    assert later.mean() > 1


def test_what_a_normalisation_has_seen_is_saved():
    seen, fresh = ActNorm(2), ActNorm(2)
    x = torch.randn(20, 2, 3, 3, generator=seeded(0)) + 4
    y, _ = seen(x)

    fresh.load_state_dict(seen.state_dict())

    torch.testing.assert_close(fresh.eval()(x)[0], y)
    torch.testing.assert_close(fresh.train()(x + 9)[0], y + 9 / seen.deviation)


def test_a_flow_that_has_seen_nothing_says_so():
    model = registry.build("glow", "tiny").eval()

    with pytest.raises(ConfigError, match="seen no data to take its scales from: train it"):
        model.log_prob(torch.zeros(1, 1, 8, 8, dtype=torch.long))
    with pytest.raises(ConfigError, match="one batch in training mode"):
        model.sample(1, 64)


def test_a_channel_that_never_varies_stays_finite():
    layer, x = ActNorm(2), torch.zeros(4, 2, 2, 2)
    x[:, 1] = torch.randn(4, 2, 2)

    y, log_det = layer(x)

    assert torch.isfinite(y).all()
    assert torch.isfinite(log_det).all()
    torch.testing.assert_close(layer.inverse(y), x)


def test_squeezing_puts_the_pixels_of_a_square_into_channels_row_by_row():
    model = randomised(registry.build("glow", "tiny", **TINY, levels=4, steps=1), 0)
    layers = model.scales[0].layers
    layers[0].is_initialised.fill_(True)
    remove(layers[1], "weight")
    layers[1].weight.data = torch.eye(4, dtype=torch.float64)
    model.requires_grad_(False)

    latents, log_det = model(torch.arange(4.0, dtype=torch.float64).view(1, 1, 2, 2))

    torch.testing.assert_close(4 * (latents + 0.5), torch.arange(4.0, dtype=torch.float64)[None])
    assert log_det.item() == pytest.approx(-4 * math.log(4))
    assert F.pixel_unshuffle(torch.arange(16.0).view(1, 1, 4, 4), 2)[0, 1].tolist() == [
        [1, 3],
        [9, 11],
    ]


def test_couplings_and_priors_begin_as_the_identity():
    coupling, x = Coupling(Network(2, 8, 4), "affine"), torch.randn(3, 4, 5, 5)

    y, log_det = coupling(x)

    assert torch.equal(y, x)
    assert not log_det.any()


def test_an_additive_coupling_keeps_volumes():
    coupling = randomised(Coupling(Network(2, 8, 2), "additive"))
    x = torch.randn(3, 4, 5, 5, dtype=torch.float64)

    y, log_det = coupling(x)

    assert not torch.equal(y, x)
    assert not log_det.any()


def test_no_coupling_scales_beyond_its_bound():
    coupling = randomised(Coupling(Network(2, 8, 4), "affine"), scale=1e4)
    x = torch.randn(3, 4, 5, 5, dtype=torch.float64)

    _, log_det = coupling(x)

    assert log_det.abs().max() <= 50 * BOUND
    assert torch.isfinite(coupling.inverse(x)).all()


def test_noise_is_one_and_the_same_in_evaluation_and_fresh_in_training():
    model = glow(**SMALL)
    levels = torch.randint(16, (2, 1, 4, 4), generator=seeded(0))

    noise = model.lift(levels) - levels
    assert torch.equal(noise, model.lift(levels) - levels)
    assert torch.allclose(noise[0], noise[1])
    assert 0 <= noise.min() < noise.max() < 1
    assert noise.unique().numel() >= 16

    model.train()
    first, second = (model.lift(levels) - levels for _ in "ab")
    assert not torch.allclose(first, second)
    assert not torch.allclose(first[0], first[1])
    assert 0 <= first.min() < first.max() < 1
    assert torch.equal(model.lift(IMAGES), IMAGES)


def test_the_density_is_one_of_values_in_steps_of_a_level():
    """Twice as many levels over the same map: half the density in each dimension."""
    few, many = glow(**SMALL, levels=16), glow(**SMALL, levels=32)

    halved = many.log_prob(2 * IMAGES) + 16 * math.log(2)

    torch.testing.assert_close(halved, few.log_prob(IMAGES))


def test_samples_are_the_inverse_of_noise_and_cold_ones_all_alike():
    model = glow(**SMALL)

    latents = torch.randn(3, 16, generator=seeded(5), dtype=torch.float64)
    expected = model.inverse(latents).floor().clamp(0, 15).long()
    assert torch.equal(model.sample(3, 16, generator=seeded(5)), expected)
    cold = model.sample(3, 16, generator=seeded(5), temperature=0)
    assert torch.equal(cold[0], cold[1])


def test_what_is_no_image_of_its_size_is_refused():
    model = glow(**SMALL)

    with pytest.raises(ShapeError, match=r"shape \(batch, 1, 4, 4\), got \(2, 1, 4, 8\)"):
        model.log_prob(torch.zeros(2, 1, 4, 8, dtype=torch.long))
    with pytest.raises(DataError, match="levels from 0 to 15"):
        model.log_prob(torch.full((1, 1, 4, 4), 16))
    with pytest.raises(ShapeError, match=r"\(batch, 16\), got \(2, 15\)"):
        model.inverse(torch.zeros(2, 15))
    with pytest.raises(ConfigError, match=r"model.width must be a multiple of 2 \*\* scales = 4"):
        registry.build("glow", "tiny", width=6)


def independent_bits(train, test):
    """Bits per dimension of a Gaussian for each position, fitted to dequantised levels."""
    noisy = [x.double() + torch.rand(x.shape, generator=seeded(7)) for x in (train, test)]
    deviation, mean = torch.std_mean(noisy[0], 0)
    density = torch.distributions.Normal(mean, deviation).log_prob(noisy[1])
    return float(-density.mean() / math.log(2))


def test_it_learns_photographs_better_than_pixel_by_pixel():
    train, test = patches("china", "train", 4000), patches("china", "test", 500, seed=1)
    torch.manual_seed(0)
    model = registry.build("glow", "tiny", levels=256, steps=3)

    trained = fit(model, {"image": train}, steps=150, batch=64, learning_rate=1e-2)

    bits = float(-trained.log_prob(test).mean()) / (64 * math.log(2))
    baseline = independent_bits(train, test)
    assert bits < baseline - 2
