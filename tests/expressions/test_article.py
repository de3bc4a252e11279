"""The examples of the article "arbitrary expressions as layer parameters", on Bach's chorales.

A window of the piano roll, 28 sixteenths of 28 pitches, takes the place of the article's digits:
784 inputs.
"""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call

from typica.expressions import (
    const,
    exp,
    get_params,
    learn,
    learn_like,
    normal,
    param_groups,
    ref,
    set_param,
    softplus,
)
from typica.score.chorales import chorale_files, read_chorale
from typica.score.roll import piano_roll

pytest.importorskip("music21")

SIXTEENTHS = 4 / 0.75  # a second
PITCHES = slice(48, 76)  # two octaves and a third, up from C below middle C


@pytest.fixture(scope="module")
def windows():
    """Windows of ten chorales, a quarter apart, shape (windows, 784), of zeros and ones."""
    rolls = [piano_roll(read_chorale(p), SIXTEENTHS) for p in list(chorale_files().values())[:10]]
    cut = [np.lib.stride_tricks.sliding_window_view(r[:, PITCHES], 28, axis=0)[::4] for r in rolls]
    return torch.from_numpy(np.concatenate(cut)).float().mT.flatten(1)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def train(model, inputs, targets, steps=60, rate=1e-3, optimiser=torch.optim.Adam, watch=None):
    """Train on batches of 32 and return the loss of all, before and after."""

    def loss(chosen=slice(None)):
        return F.binary_cross_entropy_with_logits(model(inputs[chosen]), targets[chosen])

    leaves = [leaf for leaf in model.parameters() if leaf.requires_grad]
    optimiser = optimiser(leaves, lr=rate)
    before = loss().item()
    for batch in torch.randint(len(inputs), (steps, 32)):
        optimiser.zero_grad()
        loss(batch).backward()
        optimiser.step()
        if watch:
            watch()
    return before, loss().item()


def through(dense):
    """An autoencoder whose first layer, from 784 to 500, is the one that is tried."""
    return nn.Sequential(dense, nn.Sigmoid(), nn.Linear(500, 784))


def autoencoder(inputs=784, hidden=500):
    """Encoder and decoder with one matrix."""
    model = nn.Sequential(nn.Linear(inputs, hidden), nn.Sigmoid(), nn.Linear(hidden, inputs))
    set_param(model[2], "weight", ref(model[0], "weight").T)
    return model


def test_a_tied_autoencoder_learns_one_matrix(windows):
    model = autoencoder()

    before, after = train(model, windows, windows)

    assert after < 0.6 * before
    assert torch.equal(model[2].weight, model[0].weight.T)
    assert [tuple(p.shape) for p in model.parameters()] == [(500, 784), (500,), (784,)]
    assert sum(p.numel() for p in model.parameters()) == 500 * 784 + 500 + 784


def test_a_tied_gradient_is_the_encoders_part_and_the_decoders_transposed(windows):
    tied = autoencoder()
    free = nn.Sequential(nn.Linear(784, 500), nn.Sigmoid(), nn.Linear(500, 784))
    with torch.no_grad():
        for layer, like in ((free[0], tied[0]), (free[2], tied[2])):
            layer.weight.copy_(like.weight)
            layer.bias.copy_(like.bias)

    for model in (tied, free):
        F.mse_loss(model(windows), windows).backward()

    encoders, decoders = free[0].weight.grad, free[2].weight.grad
    assert min(encoders.abs().max(), decoders.abs().max()) > 1e-5
    torch.testing.assert_close(tied[0].weight.grad, encoders + decoders.T)


def test_a_tied_gradient_is_that_of_finite_differences(windows):
    model = autoencoder(12, 5).double()
    notes = windows[:4, 8:20].double()

    def loss(weight, bias):
        return F.mse_loss(
            functional_call(model, {"0.weight": weight, "0.bias": bias}, notes), notes
        )

    leaves = [p.detach().clone().requires_grad_() for p in model[0].parameters()]
    assert torch.autograd.gradcheck(loss, leaves)
    F.mse_loss(model(notes), notes).backward()
    torch.testing.assert_close(torch.autograd.grad(loss(*leaves), leaves)[0], model[0].weight.grad)


def factorised():
    dense = nn.Linear(784, 500)
    set_param(dense, "weight", learn(500, 100) @ learn(100, 784))
    return dense


def weights(dense):
    return sum(leaf.numel() for leaf in get_params(dense, regularizable=True))


def test_392000_weights_become_128400(windows):
    dense = factorised()
    model = through(dense)

    before, after = train(model, windows, windows)

    assert weights(nn.Linear(784, 500)) == 392_000
    assert weights(dense) == 78_400 + 50_000 == 128_400
    assert dense.weight.shape == (500, 784)
    assert torch.linalg.matrix_rank(dense.weight.detach()) == 100
    assert after < 0.6 * before


def test_a_factorised_layer_is_two_layers_the_first_without_bias(windows):
    dense = factorised()
    stack = nn.Sequential(nn.Linear(784, 100, bias=False), nn.Linear(100, 500))
    left, right = get_params(dense, regularizable=True)
    stack.load_state_dict({"0.weight": right, "1.weight": left, "1.bias": dense.bias})

    for layer in (dense, stack):
        layer(windows).tanh().sum().backward()

    torch.testing.assert_close(dense(windows), stack(windows), atol=1e-5, rtol=1e-5)
    for one, other in ((left, stack[1].weight), (right, stack[0].weight)):
        torch.testing.assert_close(one.grad, other.grad, atol=1e-3, rtol=1e-4)


def test_two_glorot_factors_have_0696_of_the_deviation_of_one_layer():
    dense = factorised()
    expected = (100 * (2 / 600) * (2 / 884)) ** 0.5 / (2 / 1284) ** 0.5

    ratio = dense.weight.std().item() / (2 / (784 + 500)) ** 0.5

    assert expected == pytest.approx(0.696, abs=5e-4)
    assert ratio == pytest.approx(0.696, abs=0.01)


@pytest.mark.parametrize("positive", [exp, softplus])
def test_positive_weights_stay_positive_at_a_high_rate(windows, positive):
    dense = nn.Linear(784, 500)
    set_param(dense, "weight", positive(learn(500, 784, init=normal(-10, 0.01))))
    first = dense.weight.detach()
    smallest = []

    # What sounds in the last sixteenth of the next quarter.
    before, after = train(
        nn.Sequential(dense, nn.Sigmoid(), nn.Linear(500, 28)),
        windows[:-1],
        windows[1:, -28:],
        steps=1000,
        rate=0.1,
        watch=lambda: smallest.append(dense.weight.min().item()),
    )

    assert first.mean().item() == pytest.approx(4.54e-5, rel=1e-3)
    assert first.std().item() == pytest.approx(4.54e-7, rel=0.02)
    assert len(smallest) == 1000
    assert min(smallest) > 0
    assert dense.weight.std() > 1000 * first.std()
    assert after < 0.6 * before


def test_weights_made_positive_by_relu_stick_at_zero(windows):
    dense = nn.Linear(784, 500)
    leaf = learn_like(dense.weight)
    set_param(dense, "weight", torch.relu(leaf))
    first, start = dense.weight.detach(), leaf.parameter.detach().clone()
    stuck = [(first == 0).sum().item()]

    train(
        through(dense),
        windows,
        windows,
        steps=100,
        rate=0.01,
        watch=lambda: stuck.append((dense.weight == 0).sum().item()),
    )

    # About half start at zero, more fall to it, and none comes back.
    zero = first == 0
    assert stuck[0] == pytest.approx(196_000, rel=0.01)
    assert stuck == sorted(stuck)
    assert stuck[-1] > stuck[0] + 10_000
    assert not leaf.parameter.grad[dense.weight == 0].any()
    assert torch.equal(leaf.parameter[zero], start[zero])


@pytest.mark.parametrize("positive", [exp, softplus])
def test_weights_made_positive_by_other_means_do_not_stick(windows, positive):
    dense = nn.Linear(784, 500)
    leaf = learn_like(dense.weight)
    set_param(dense, "weight", positive(leaf))

    dense(windows).square().mean().backward()

    sounding = windows.any(0)
    assert sounding.sum() > 500
    assert (leaf.parameter.grad[:, sounding] != 0).all()


def test_a_square_layer_stays_positive_semidefinite(windows):
    square = nn.Linear(500, 500)
    w = learn(500, 500)
    set_param(square, "weight", w @ w.T)
    model = nn.Sequential(nn.Linear(784, 500), nn.Tanh(), square, nn.Tanh(), nn.Linear(500, 784))
    lowest = []

    # The eigenvalues of the weight that the layer sees, found in double: no rounding of ours.
    before, after = train(
        model,
        windows,
        windows,
        steps=40,
        watch=lambda: lowest.append(torch.linalg.eigvalsh(square.weight.double())[0].item()),
    )

    assert min(lowest) > -1e-6
    torch.testing.assert_close(square.weight, square.weight.T)
    assert get_params(square)[0] is w.parameter
    assert after < 0.6 * before


def causal(taps):
    mask = torch.ones(1, 1, taps, taps)
    mask[..., taps // 2 + 1 :, :] = 0
    return mask


def test_what_a_mask_hides_gets_no_gradient_and_does_not_change(windows):
    conv = nn.Conv2d(1, 4, 7, padding=3)
    mask, before = causal(7).expand(4, 1, 7, 7), conv.weight.detach().clone()
    leaf = learn_like(conv.weight)
    set_param(conv, "weight", const(mask) * leaf)
    rolls = windows.unflatten(1, (1, 28, 28))
    model = nn.Sequential(conv, nn.Tanh(), nn.Conv2d(4, 1, 1))

    first, last = train(model, rolls[:, :, :-1], rolls[:, :, 1:], steps=40, rate=0.01)

    hidden = mask == 0
    assert last < 0.7 * first
    assert not leaf.parameter.grad[hidden].any()
    assert torch.equal(leaf.parameter[hidden], before[hidden])
    assert (leaf.parameter[~hidden] != before[~hidden]).all()
    assert [torch.equal(buffer, mask) for buffer in conv.buffers()] == [True]
    assert [tuple(p.shape) for p in conv.parameters()] == [(4,), (4, 1, 7, 7)]


def test_some_weights_are_given_and_the_others_learnt(windows):
    octave = torch.eye(28) + torch.eye(28).roll(12, 0)
    dense = nn.Linear(28, 28 + 12)
    given = const(octave, name="octave")
    set_param(dense, "weight", torch.cat([given, learn(12, 28, name="rest")]))
    frames = windows.unflatten(1, (28, 28))
    model = nn.Sequential(dense, nn.Tanh(), nn.Linear(40, 28))

    before, after = train(model, frames[:, :-1], frames[:, 1:], rate=0.01)

    assert after < 0.7 * before
    assert torch.equal(dense.weight[:28], octave)
    assert torch.equal(dict(dense.named_buffers())["weight_expr.octave"], octave)
    assert [name for name, _ in dense.named_parameters()] == ["bias", "weight_expr.rest"]


def gained():
    """A layer with a gain for each output, not regularised, and directions that are frozen."""
    dense = nn.Linear(784, 500)
    gain = learn(torch.ones(500, 1), name="gain", regularizable=False)
    fixed = learn_like(dense.weight[:250], name="fixed", trainable=False)
    free = learn_like(dense.weight[250:], name="free", direction=True)
    set_param(dense, "weight", gain * torch.cat([fixed, free]))
    return dense, gain.parameter, fixed.parameter, free.parameter


def test_each_leaf_of_an_expression_has_its_own_tags():
    dense, gain, fixed, free = gained()

    def found(**tags):
        return [id(p) for p in get_params(dense, **tags)]

    assert found() == [id(p) for p in (gain, fixed, free, dense.bias)]
    assert found(trainable=True) == [id(p) for p in (gain, free, dense.bias)]
    assert found(trainable=True, regularizable=True) == [id(free)]
    assert found(trainable=False) == [id(fixed)]
    assert found(direction=True) == [id(free)]
    assert found(direction=False, regularizable=True) == [id(fixed)]


def test_frozen_leaves_stay_while_others_of_the_same_expression_train(windows):
    dense, gain, fixed, free = gained()
    start = [p.detach().clone() for p in (gain, fixed, free)]

    before, after = train(through(dense), windows, windows)

    assert after < 0.6 * before
    assert torch.equal(fixed, start[1])
    assert fixed.grad is None
    assert (gain != start[0]).all()
    assert not torch.equal(free, start[2])


def test_weight_decay_reaches_the_leaves_that_are_regularised_alone():
    dense, gain, fixed, free = gained()
    start = [p.detach().clone() for p in (gain, fixed, free)]
    groups = param_groups(dense, {"regularizable": {"weight_decay": 0.5}})
    optimiser = torch.optim.SGD(groups, lr=0.1)

    # The loss is flat, so that nothing but the decay moves what it reaches.
    (0 * dense.weight.sum()).backward()
    optimiser.step()

    assert torch.equal(gain, start[0])
    assert torch.equal(fixed, start[1])
    torch.testing.assert_close(free, 0.95 * start[2])


EXPRESSIONS = {
    "tied": lambda layer: ref(layer, "weight").T,
    "low rank": lambda layer: learn(784, 20) @ learn(20, 500),
    "positive": lambda layer: exp(learn(784, 500, init=normal(-4, 0.1))),
    "mixed": lambda layer: const(torch.ones(784, 500).tril()) * learn(784, 500),
}


@pytest.mark.parametrize("kind", EXPRESSIONS)
def test_the_next_forward_sees_what_the_optimiser_did(windows, kind):
    model = nn.Sequential(nn.Linear(784, 500), nn.Tanh(), nn.Linear(500, 784))
    expression = EXPRESSIONS[kind](model[0])
    set_param(model[2], "weight", expression)
    optimiser = torch.optim.SGD(model.parameters(), lr=1.0)
    weight = model[2].weight.detach().clone()

    F.mse_loss(model(windows), windows).backward()
    optimiser.step()

    fresh = expression.value()
    hidden = model[1](model[0](windows))
    assert not torch.equal(fresh, weight)
    assert torch.equal(model(windows), F.linear(hidden, fresh, model[2].bias))


@pytest.mark.parametrize("kind", EXPRESSIONS)
def test_two_backward_passes_need_no_retained_graph(windows, kind):
    model = nn.Sequential(nn.Linear(784, 500), nn.Tanh(), nn.Linear(500, 784))
    set_param(model[2], "weight", EXPRESSIONS[kind](model[0]))
    leaf = get_params(model[2], regularizable=True)[0]

    F.mse_loss(model(windows), windows).backward()
    once = leaf.grad.clone()
    F.mse_loss(model(windows), windows).backward()

    assert once.any()
    torch.testing.assert_close(leaf.grad, 2 * once)
