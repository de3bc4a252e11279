"""What is true of the VAE beyond the contract: the invariants of its sheet."""

import itertools
import math

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch.distributions import Independent, Normal, kl_divergence

from typica.core import registry
from typica.core.errors import ConfigError, DataError, ShapeError
from typica.core.randomness import seeded
from typica.systems.images.vae import divergences
from typica.training.fit import fit

OUTPUTS = ["logistic", "categorical"]
IMAGES = torch.randint(16, (6, 1, 8, 8), generator=seeded(0))


def vae(scale=0.2, **settings):
    torch.manual_seed(0)
    model = registry.build("vae", "tiny", **settings)
    generator = seeded(1)
    for parameter in model.parameters():
        parameter.data += scale * torch.randn(parameter.shape, generator=generator)
    return model


def normal(mean, deviation):
    return Independent(Normal(torch.as_tensor(mean), torch.as_tensor(deviation)), 1)


def test_the_divergence_is_torchs_and_that_of_draws():
    mean, deviation = torch.randn(3, 4), torch.rand(3, 4) + 0.2
    standard = Normal(torch.zeros(4), torch.ones(4))
    posterior = normal(mean, deviation)

    found = divergences(posterior)

    torch.testing.assert_close(found, kl_divergence(posterior.base_dist, standard))
    noise = torch.randn(100_000, 3, 4, generator=seeded(0))
    draws = mean + deviation * noise
    ratios = posterior.base_dist.log_prob(draws) - standard.log_prob(draws)
    error = ratios.std(0) / math.sqrt(len(ratios))
    assert ((ratios.mean(0) - found).abs() < 4 * error).all()
    assert divergences(normal([[1.0]], [[1.0]])).item() == pytest.approx(0.5)


@pytest.mark.parametrize("output", OUTPUTS)
def test_all_levels_of_a_value_have_probability_one(output):
    model = vae(output=output)
    with torch.no_grad():
        said = model.decode(torch.randn(3, 8, generator=seeded(0)))
        masses = torch.stack([said.log_prob(torch.full((3, 1, 8, 8), q)) for q in range(16)])

    torch.testing.assert_close(masses.exp().sum(0), torch.ones(3, 1, 8, 8))


@pytest.mark.parametrize("output", OUTPUTS)
def test_all_images_have_probability_one_and_bounds_find_it(output):
    """With one latent the integral over it is a sum on a grid."""
    sizes = {"height": 2, "width": 2, "scales": 1, "levels": 2, "latents": 1, "hidden": 4}
    model = vae(1.0, output=output, **sizes).double().requires_grad_(False)
    model.encoder[-1].weight.zero_()
    model.encoder[-1].bias[:] = torch.tensor(
        [0.0, 2.0]
    )  # wider than the prior: no latent is missed
    images = torch.tensor(list(itertools.product(range(2), repeat=4))).view(16, 1, 2, 2)
    grid = torch.linspace(-9, 9, 801, dtype=torch.float64)

    prior = Normal(0.0, 1.0).log_prob(grid).exp() * (grid[1] - grid[0])
    joint = model.likelihood(images, grid.view(-1, 1, 1).expand(-1, 16, 1)).exp()
    probability = (prior[:, None] * joint).sum(0)

    assert float(probability.sum()) == pytest.approx(1, abs=1e-6)
    model.draws = 20_000
    torch.testing.assert_close(model.log_prob(images), probability.log(), atol=0.05, rtol=0)
    assert probability.std() > 0.01


def test_a_latent_is_the_cause_of_the_same_image_for_all_draws():
    model = vae().requires_grad_(False)
    latents = torch.randn(5, 6, 8, generator=seeded(0))

    together = model.likelihood(IMAGES, latents)

    alone = [
        [model.likelihood(x[None], z[None, None]) for x, z in zip(IMAGES, d, strict=True)]
        for d in latents
    ]
    expected = torch.tensor([[float(one) for one in row] for row in alone])
    torch.testing.assert_close(together, expected, atol=0, rtol=1e-5)


def test_the_loss_is_the_bound_for_each_value():
    model = vae().requires_grad_(False)
    torch.manual_seed(3)
    terms = model.elbo_loss({"image": IMAGES})

    torch.manual_seed(3)
    posterior = model.posterior(IMAGES)
    latents = posterior.rsample()
    reconstruction = model.likelihood(IMAGES, latents[None]).mean() / 64
    torch.testing.assert_close(terms["reconstruction"], -reconstruction)
    torch.testing.assert_close(terms["kl"], divergences(posterior).sum(1).mean() / 64)


def encoder_gradient(model, term):
    model.zero_grad()
    model.elbo_loss({"image": IMAGES})[term].backward()
    return model.encoder[0].weight.grad


def test_free_bits_are_free():
    """Below the floor a divergence has no gradient, above it has that of the bound."""
    below, above, plain = vae(free_bits=1e3), vae(free_bits=1e-6), vae()

    assert not encoder_gradient(below, "kl").any()
    assert float(below.elbo_loss({"image": IMAGES})["kl"].detach()) == pytest.approx(8e3 / 64)
    torch.testing.assert_close(encoder_gradient(above, "kl"), encoder_gradient(plain, "kl"))
    assert encoder_gradient(plain, "kl").any()


def test_the_weight_of_the_divergence_rises_from_nothing_to_beta():
    model, batch = vae(annealing=4, beta=0.5), {"image": IMAGES}

    weights = []
    for _ in range(6):
        weights.append(float(model.divergence_weight()))
        model.elbo_loss(batch)
    model.eval().elbo_loss(batch)

    assert weights == [0, 0.125, 0.25, 0.375, 0.5, 0.5]
    assert int(model.batches) == 6
    again = vae(annealing=4, beta=0.5)
    again.load_state_dict(model.state_dict())
    assert float(again.divergence_weight()) == 0.5
    assert float(vae().divergence_weight()) == 1


def test_an_active_latent_follows_the_images():
    model = vae()
    mean = model.encoder[-1]
    mean.weight.data[:3] = 0
    mean.bias.data[0] = 5  # far from the prior, and yet always the same

    active = model.active(IMAGES)

    assert not active[:3].any()
    assert active[3:].all()


def test_samples_are_drawn_from_the_decoded_prior():
    model = vae(output="categorical").requires_grad_(False)

    drawn = model.sample(4000, 64, generator=seeded(0))

    latents = torch.randn(4000, 8, generator=seeded(9))
    expected = model.decode(latents).probs.mean(0)
    shares = torch.stack([(drawn == q).double().mean(0) for q in range(16)], -1)
    assert (shares - expected).abs().max() < 0.05
    assert not drawn.requires_grad


def test_what_are_no_levels_of_its_size_are_refused():
    model = vae()

    with pytest.raises(ShapeError, match=r"shape \(batch, 1, 8, 8\), got \(2, 1, 8, 4\)"):
        model.log_prob(torch.zeros(2, 1, 8, 4, dtype=torch.long))
    with pytest.raises(DataError, match="whole numbers from 0 to 15"):
        model.log_prob(IMAGES + 16)
    with pytest.raises(DataError, match="whole numbers"):
        model.log_prob(IMAGES / 2)
    with pytest.raises(ConfigError, match=r"model.height must be a multiple of 2 \*\* scales = 4"):
        vae(height=6)
    with pytest.raises(ConfigError, match=r"model.beta must not be below 0"):
        vae(beta=-1.0)


@pytest.fixture(scope="module")
def digits():
    pictures = torch.from_numpy(load_digits().images.astype(np.int64))[:, None]
    order = torch.randperm(len(pictures), generator=seeded(0))
    return pictures[order[:1500]], pictures[order[1500:]]


def trained(train, steps, **settings):
    torch.manual_seed(0)
    model = registry.build("vae", "tiny", levels=17, output="categorical", **settings)
    return fit(model, {"image": train}, steps=steps, batch=64, learning_rate=1e-2)


def histogram_bits(train, test):
    """Bits a value of a histogram for each position, with one more count for each level."""
    counts = torch.stack([(train == q).sum(0) for q in range(17)], -1) + 1.0
    log_prob = (counts / counts.sum(-1, keepdim=True)).log()
    found = log_prob.expand(len(test), *log_prob.shape).gather(-1, test[..., None])
    return float(-found.mean() / math.log(2))


def test_it_learns_digits_better_than_pixel_by_pixel(digits):
    model = trained(digits[0], steps=300)

    bits = float(-model.log_prob(digits[1]).mean()) / (64 * math.log(2))

    assert bits < histogram_bits(*digits) - 0.15
    assert model.active(digits[1]).any()


def test_without_the_divergence_it_is_an_autoencoder(digits):
    terms = []
    for beta in (0.0, 1.0):
        model = trained(digits[0], steps=120, beta=beta)
        terms.append(model.elbo_loss({"image": digits[1]}))
        terms[-1]["deviation"] = model.posterior(digits[1]).stddev.mean()
    auto, variational = terms

    assert auto["kl"] == 0
    assert auto["reconstruction"] < variational["reconstruction"] - 0.05
    assert auto["deviation"] < variational["deviation"]
