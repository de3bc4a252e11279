"""Bottlenecks: what passes, what learns, and what is left alone."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from typica.core.coder import perplexity
from typica.core.randomness import seeded
from typica.layers.codebook import ArgmaxQuantiser, VectorQuantiser, diversity

KINDS = ["ema", "gradient", "argmax"]


def build(kind, codes=8, width=3, **settings):
    torch.manual_seed(0)
    if kind == "argmax":
        return ArgmaxQuantiser(codes, **({"commitment": 0.0, "diversity": 0.0} | settings))
    usual = {"initial": "normal", "restart_below": 0.0, "commitment": 0.0}
    return VectorQuantiser(codes, width, learning=kind, **(usual | settings))


def vectors(quantiser, batch=4, frames=10, seed=1, **settings):
    shape = batch, quantiser.width, frames
    return torch.randn(shape, generator=seeded(seed), **settings)


def rows(vectors):
    return vectors.transpose(1, 2).flatten(0, 1)


def state(quantiser):
    return {name: value.clone() for name, value in quantiser.state_dict().items()}


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


# What passes


@pytest.mark.parametrize("kind", ["ema", "gradient"])
def test_the_gradient_goes_straight_through(kind):
    quantiser = build(kind)
    x = vectors(quantiser).requires_grad_()

    out = quantiser(x).vectors
    out.retain_grad()
    (out**3).sum().backward()

    assert torch.equal(x.grad, out.grad)
    assert x.grad.abs().sum() > 0


def test_the_gradient_of_the_argmax_goes_straight_to_the_query():
    quantiser = build("argmax")
    x = vectors(quantiser).requires_grad_()

    out = quantiser(x).vectors
    out.retain_grad()
    (out * torch.arange(8.0)[:, None]).sum().backward()

    again = x.detach().requires_grad_()
    (math.sqrt(8) * quantiser.query(rows(again)) * rows(out.grad)).sum().backward()
    torch.testing.assert_close(x.grad, again.grad)
    assert x.grad.abs().sum() > 0


@pytest.mark.parametrize("kind", KINDS)
def test_codes_alone_give_what_passed(kind):
    quantiser = build(kind, commitment=0.25)
    x = vectors(quantiser)

    before = state(quantiser)
    coded = quantiser.eval()(x)

    assert torch.equal(quantiser.encode(x), coded.codes)
    assert torch.equal(quantiser.decode(coded.codes), coded.vectors)
    assert coded.codes.shape == (4, 10)
    assert same(before, state(quantiser))


@pytest.mark.parametrize("kind", KINDS)
def test_codes_survive_a_file(kind, tmp_path):
    from safetensors.torch import load_model, save_model

    quantiser = build(kind, initial="batch") if kind != "argmax" else build(kind)
    x = vectors(quantiser)
    quantiser(x)
    save_model(quantiser, str(tmp_path / "weights"))

    other = build(kind, initial="batch") if kind != "argmax" else build(kind)
    load_model(other, str(tmp_path / "weights"))

    codes = quantiser.encode(x)
    assert torch.equal(other.encode(x), codes)
    assert torch.equal(other.decode(codes), quantiser.decode(codes))
    before = state(other)
    other(vectors(other, seed=5))  # goes on, and does not begin again
    assert kind == "argmax" or not torch.equal(before["uses"], torch.ones(8))
    assert kind == "argmax" or before["ready"]


@given(st.integers(0, 1000), st.sampled_from([1.0, 1e-3, 1e3]), st.sampled_from([0.0, 100.0]))
def test_the_nearest_vector_is_chosen_wherever_they_lie(seed, scale, offset):
    quantiser = build("ema", codes=20, width=5)
    quantiser.codebook.copy_(scale * torch.randn(20, 5, generator=seeded(seed)) + offset)
    x = scale * torch.randn(2, 5, 30, generator=seeded(seed + 1)) + offset

    chosen = quantiser.encode(x).flatten()

    distances = torch.cdist(rows(x).double(), quantiser.codebook.double())
    best = distances.min(1).values
    picked = distances.gather(1, chosen[:, None])[:, 0]
    torch.testing.assert_close(picked, best, rtol=1e-4, atol=1e-6 * offset)


def test_of_equally_near_vectors_the_first_is_taken():
    quantiser = build("ema")
    quantiser.codebook[5] = quantiser.codebook[2]

    assert quantiser.encode(quantiser.codebook[5][None, :, None]).item() == 2


def test_a_vector_of_the_codebook_stands_for_itself_at_no_cost():
    quantiser = build("gradient", commitment=0.25).eval()
    x = quantiser.codebook.detach().t()[None]

    coded = quantiser(x)

    assert torch.equal(coded.codes[0], torch.arange(8))
    assert torch.equal(coded.vectors, x)
    assert all(loss == 0 for loss in coded.losses.values())


@pytest.mark.parametrize("kind", KINDS)
def test_what_passed_passes_again_as_it_is(kind):
    quantiser = build(kind).eval()
    once = quantiser(vectors(quantiser)).vectors

    assert torch.equal(quantiser(once).vectors, once)


@pytest.mark.parametrize("kind", KINDS)
def test_distances_are_told_apart_in_float32_whatever_the_precision_around(kind):
    quantiser = build(kind).eval()
    x = vectors(quantiser) / 1000 + 1
    if kind != "argmax":
        with torch.no_grad():
            quantiser.codebook.copy_(rows(x)[:8])

    with torch.autocast("cpu", torch.bfloat16):
        coded = quantiser(x)
        codes = quantiser.encode(x)

    assert torch.equal(coded.codes, quantiser(x).codes)
    assert torch.equal(codes, coded.codes)
    assert coded.vectors.dtype == torch.float32
    assert len(codes.unique()) > 4
    assert quantiser(x.bfloat16()).vectors.dtype == torch.float32


# What learns


def gradient(of, loss):
    return torch.autograd.grad(loss, of, allow_unused=True, retain_graph=True)[0]


def test_each_loss_moves_its_own():
    quantiser = build("gradient", commitment=0.5)
    x = vectors(quantiser).requires_grad_()
    coded = quantiser(x)
    book = quantiser.codebook

    assert gradient(book, coded.vectors.square().sum()) is None
    assert gradient(book, coded.losses["commitment"]) is None
    assert gradient(x, coded.losses["codebook"]) is None
    offset = rows(x) - F.embedding(coded.codes.flatten(), book)
    expected = 2 * 0.5 * offset / offset.numel()
    torch.testing.assert_close(rows(gradient(x, coded.losses["commitment"])), expected)
    pull = torch.zeros_like(book).index_add(0, coded.codes.flatten(), -2 * offset / offset.numel())
    torch.testing.assert_close(gradient(book, coded.losses["codebook"]), pull)


def test_running_means_come_to_the_centres_of_what_falls_on_them():
    quantiser = build("ema", codes=3, width=2, decay=0.9)
    centres = torch.tensor([[5.0, 0], [-5, 0], [0, 5]])
    quantiser.codebook.copy_(centres + 1)
    spread = torch.randn(3, 30, 2, generator=seeded(0))
    x = (centres[:, None] + spread).flatten(0, 1).t()[None]

    quantiser.sums.copy_(centres + 1)

    for _ in range(200):
        codes = quantiser(x).codes

    assert torch.equal(codes[0], torch.arange(3).repeat_interleave(30))
    torch.testing.assert_close(quantiser.codebook, centres + spread.mean(1), atol=1e-4, rtol=0)


def test_a_batch_is_coded_with_the_codebook_as_it_was():
    quantiser = build("ema", decay=0.0)
    x = vectors(quantiser)
    before = quantiser.codebook.clone()

    coded = quantiser(x)

    assert torch.equal(rows(coded.vectors), before[coded.codes.flatten()])
    assert not torch.equal(quantiser.codebook, before)


def test_the_mean_is_of_what_was_told_and_forgotten():
    """One batch moves uses and sums as equations 6 and 7 of the paper say."""
    quantiser = build("ema", decay=0.75)
    x = vectors(quantiser)
    quantiser(vectors(quantiser, seed=2))
    before = state(quantiser)

    codes = quantiser(x).codes.flatten()

    for code in range(8):
        own = rows(x)[codes == code]
        uses = 0.75 * before["uses"][code] + 0.25 * len(own)
        sums = 0.75 * before["sums"][code] + 0.25 * own.sum(0)
        torch.testing.assert_close(quantiser.uses[code], uses)
        torch.testing.assert_close(quantiser.sums[code], sums)


def test_smoothing_leaves_no_use_at_nothing_and_their_sum_as_it_is():
    quantiser = build("ema", epsilon=0.1)
    quantiser.uses.copy_(torch.tensor([0, 0, 1, 2, 3, 4, 5, 6.0]))

    smooth = quantiser.smoothed_uses()

    assert smooth.min() > 0
    torch.testing.assert_close(smooth.sum(), torch.tensor(21.0))
    torch.testing.assert_close(smooth[7] / smooth[0], torch.tensor(61.0))


@pytest.mark.parametrize("kind", ["ema", "gradient"])
@pytest.mark.parametrize("still", ["eval", "no_grad", "frozen"])
def test_a_codebook_that_does_not_learn_stands_still(kind, still):
    quantiser = build(kind, restart_below=0.5, initial="batch")
    x = vectors(quantiser)
    before = state(quantiser)

    if still == "eval":
        quantiser.eval()(x)
    if still == "no_grad":
        with torch.no_grad():
            quantiser(x)
    if still == "frozen":
        quantiser.frozen = True
        quantiser(x)
    quantiser.train().encode(x)

    assert same(before, state(quantiser))


@pytest.mark.parametrize("kind", ["ema", "gradient"])
def test_the_first_batch_is_where_the_codebook_begins(kind):
    quantiser = build(kind, initial="batch", codes=6)
    x = vectors(quantiser) + 50

    coded = quantiser(x)

    assert quantiser.ready
    passed = rows(coded.vectors)
    distance = torch.cdist(passed.double(), rows(x).double()).min(1).values
    assert distance.max() < 1e-3
    assert len({tuple(row) for row in passed.tolist()}) == 6


def test_too_few_vectors_are_taken_again_with_a_little_noise():
    quantiser = build("ema", initial="batch", codes=50)
    x = vectors(quantiser, batch=1, frames=4)

    quantiser(x)

    nearest = torch.cdist(quantiser.codebook, rows(x)).min(1).values
    assert nearest.max() < 0.05
    assert len({tuple(row) for row in quantiser.codebook.tolist()}) == 50


@pytest.mark.parametrize("kind", ["ema", "gradient"])
def test_a_restart_moves_dead_codes_alone_onto_vectors_that_came(kind):
    plain, restarted = (build(kind, decay=0.5, restart_below=share) for share in (0.0, 0.9))
    for quantiser in (plain, restarted):
        with torch.no_grad():
            quantiser.codebook[4:] += 1000  # out of reach
    x = vectors(plain)

    for quantiser in (plain, restarted):
        quantiser(x)

    dead = plain.uses < 0.9 * plain.uses.mean()
    assert dead[4:].all()
    assert not dead.all()
    assert torch.equal(restarted.codebook[~dead], plain.codebook[~dead])
    came = torch.cdist(restarted.codebook[dead].double(), rows(x).double()).min(1).values
    assert came.max() < 1e-5
    assert torch.equal(restarted.uses[~dead], plain.uses[~dead])
    assert (restarted.uses[dead] == 0.9 * plain.uses.mean()).all()


def test_restarts_bring_a_collapsed_codebook_back():
    used = {}
    for share in (0.0, 0.1):
        quantiser = build("ema", codes=32, restart_below=share)
        quantiser.codebook *= 30
        quantiser.sums *= 30
        for step in range(400):
            quantiser(vectors(quantiser, seed=step))
        used[share] = len(quantiser.encode(vectors(quantiser, batch=50)).unique())

    assert used[0.0] <= 8
    assert used[0.1] >= 28


# The argmax autoencoder


def test_a_query_is_a_distribution_and_its_corner_is_the_largest_channel():
    quantiser = build("argmax")
    x = vectors(quantiser)

    coded = quantiser(x)

    query, standard = quantiser.query(rows(x)), standardised(rows(x))
    assert query.min() >= 0
    torch.testing.assert_close(query.sum(1), torch.ones(40))
    assert torch.equal(coded.codes.flatten(), standard.argmax(1))
    assert torch.equal(rows(coded.vectors), math.sqrt(8) * F.one_hot(standard.argmax(1), 8))


def standardised(rows):
    return (rows - rows.mean(0)) / rows.std(0, correction=0)


def test_channels_begin_as_the_first_batch_and_follow_those_after_it():
    quantiser = build("argmax", decay=0.75)
    scale, offset = torch.linspace(0.1, 9, 8)[:, None], torch.arange(8.0)[:, None] * 30
    first, second = vectors(quantiser) * scale + offset, vectors(quantiser, seed=2)

    codes = quantiser(first).codes
    torch.testing.assert_close(quantiser.mean, rows(first).mean(0))
    torch.testing.assert_close(quantiser.variance, rows(first).var(0, correction=0))
    assert len(codes.unique()) > 4  # not always that of the largest mean
    other = build("argmax", decay=0.75)
    other.load_state_dict(quantiser.state_dict())

    for one in (quantiser, other):  # what was read from a file goes on as well
        one(second)
        mean = 0.75 * rows(first).mean(0) + 0.25 * rows(second).mean(0)
        squares = (rows(second) - mean).square().mean(0)
        torch.testing.assert_close(one.mean, mean)
        expected = 0.75 * rows(first).var(0, correction=0) + 0.25 * squares
        torch.testing.assert_close(one.variance, expected)


@pytest.mark.parametrize("still", ["eval", "no_grad"])
def test_an_argmax_that_does_not_learn_stands_still(still):
    quantiser = build("argmax")
    quantiser(vectors(quantiser))
    before = state(quantiser)

    if still == "eval":
        quantiser.eval()(vectors(quantiser, seed=2))
    with torch.no_grad():
        quantiser(vectors(quantiser, seed=3))
    quantiser.train().encode(vectors(quantiser, seed=4))

    assert same(before, state(quantiser))


def test_a_vector_without_a_positive_channel_has_a_code_and_no_nan():
    quantiser = build("argmax", commitment=1.0, diversity=1.0).eval()
    x = (-vectors(quantiser).abs()).requires_grad_()

    coded = quantiser(x)
    (coded.vectors.sum() + sum(coded.losses.values())).backward()

    assert (coded.codes == 0).all()
    assert x.grad.isfinite().all()
    torch.testing.assert_close(quantiser.query(rows(x)), torch.full((40, 8), 1 / 8))


def test_a_channel_that_never_changes_is_no_nan():
    quantiser = build("argmax", commitment=1.0)
    x = vectors(quantiser)
    x[:, 3] = 5.0
    x.requires_grad_()

    coded = quantiser(x)
    coded.losses["commitment"].backward()

    assert (coded.codes != 3).all()
    assert x.grad.isfinite().all()


def test_diversity_is_nothing_where_all_are_used_alike_and_most_where_one_is():
    uses = torch.eye(8)

    assert diversity(uses.mean(0)) == 0
    assert diversity(uses[0]).item() == pytest.approx(7)
    assert 0 < diversity(uses[:4].mean(0)) < 7


@given(st.integers(0, 1000), st.integers(2, 9))
def test_diversity_is_something_wherever_shares_differ_and_its_gradient_is_that_of_differences(
    seed, codes
):
    shares = torch.rand(codes, generator=seeded(seed), dtype=torch.float64) + 0.1
    shares = (shares / shares.sum()).requires_grad_()

    expected = ((codes * shares.detach() - 1) ** 2).sum() / codes
    assert diversity(shares).item() == pytest.approx(expected.item())
    assert diversity(shares) > 0
    assert torch.autograd.gradcheck(diversity, shares)


def test_shares_are_remembered_over_batches_and_diversity_is_theirs():
    quantiser = build("argmax", decay=0.75, diversity=1.0)
    expected = torch.full((8,), 1 / 8)
    for seed in range(3):
        coded = quantiser(vectors(quantiser, seed=seed))
        found = torch.bincount(coded.codes.flatten(), minlength=8) / coded.codes.numel()
        expected = 0.75 * expected + 0.25 * found

    torch.testing.assert_close(quantiser.shares, expected)
    torch.testing.assert_close(coded.losses["diversity"], (8 * expected - 1).square().mean())
    loss = quantiser.eval()(vectors(quantiser, seed=2)).losses["diversity"]
    codes = quantiser.encode(vectors(quantiser, seed=2)).flatten()
    found = torch.bincount(codes, minlength=8) / len(codes)
    torch.testing.assert_close(loss, (8 * found - 1).square().mean())


def test_queries_are_drawn_from_codes_that_were_used_often_to_others():
    quantiser = build("argmax", diversity=0.3)
    x = vectors(quantiser).requires_grad_()

    quantiser(x).losses["diversity"].backward()

    price = 0.3 * 2 * (8 * quantiser.shares - 1)
    again = x.detach().requires_grad_()
    (quantiser.query(rows(again)).mean(0) * price).sum().backward()
    torch.testing.assert_close(x.grad, again.grad)
    assert x.grad.abs().sum() > 0


def test_the_gradient_of_the_commitment_is_that_of_differences():
    quantiser = build("argmax", commitment=0.7).double()
    quantiser(vectors(quantiser, dtype=torch.float64))
    quantiser.eval()
    x = (vectors(quantiser, dtype=torch.float64) + 0.5).requires_grad_()

    # The corner is held: where no channel overtakes another, the loss is smooth.
    assert torch.autograd.gradcheck(lambda x: quantiser(x).losses["commitment"], x)


def test_losses_are_the_formulae():
    quantiser = build("argmax", commitment=2.0, diversity=3.0, decay=0.0)
    losses = quantiser(x := vectors(quantiser)).losses
    query = quantiser.query(rows(x))

    corner = F.one_hot(query.argmax(1), 8).float()
    assert losses["commitment"].item() == pytest.approx(2 * (query - corner).pow(2).mean().item())
    expected = 3 * sum((8 * share.item() - 1) ** 2 for share in corner.mean(0)) / 8
    assert losses["diversity"].item() == pytest.approx(expected, rel=1e-5)


def test_diversity_brings_channels_into_use_that_others_had_outdone():
    """Every channel is a noisy copy of one of two: those copied best take nearly everything."""
    used = {}
    noise = torch.randn(8, 8, generator=seeded(0)) / 20
    for weight in (0.0, 1.0):
        quantiser = build("argmax", diversity=weight, decay=0.9)
        turn = torch.nn.Conv1d(8, 8, 1)
        with torch.no_grad():
            turn.weight.copy_((torch.eye(8)[[0, 1] * 4] + noise)[..., None])
        optimiser = torch.optim.Adam(turn.parameters(), lr=0.02)
        for step in range(150):
            loss = quantiser(turn(vectors(quantiser, seed=step))).losses["diversity"]
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        codes = quantiser.encode(turn(vectors(quantiser, batch=50))).flatten()
        used[weight] = perplexity(torch.bincount(codes, minlength=8))

    assert used[1.0] > used[0.0] + 1
