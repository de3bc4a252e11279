import copy
import pickle
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from typica.core.errors import ExpressionError, ShapeError
from typica.expressions import exp, get_params, learn, remove, set_param
from typica.expressions.match import match
from typica.expressions.ready.masks import causal_mask, kept, made_masks, masked


def seen(function, shape):
    """Return which inputs each output depends on, (outputs..., inputs...), of one example."""
    torch.manual_seed(0)
    jacobian = torch.autograd.functional.jacobian(function, torch.randn(shape))
    return jacobian != 0


def all_ones(module):
    for parameter in module.parameters():
        parameter.data.fill_(1.0)
    return module


def test_a_masked_entry_is_zero_and_has_no_gradient():
    layer = nn.Linear(5, 4)
    before, mask = layer.weight.detach().clone(), torch.rand(4, 5) < 0.5
    set_param(layer, "weight", masked(layer.weight, mask))

    layer(torch.randn(3, 5)).sum().backward()

    assert torch.equal(layer.weight, before * mask)
    gradient = layer.weight_expr.leaf0.grad
    assert (gradient[~mask] == 0).all()
    assert (gradient[mask] != 0).all()


def test_not_even_infinity_comes_through_a_mask():
    leaf = torch.tensor([float("inf"), float("nan"), 2.0]).requires_grad_()

    value = kept(leaf, torch.tensor([False, False, True]))
    value.sum().backward()

    assert value.tolist() == [0, 0, 2]
    assert leaf.grad.tolist() == [0, 0, 1]


def test_masked_gradients_are_right():
    leaf = torch.randn(3, 4, dtype=torch.double, requires_grad=True)
    mask = torch.rand(3, 4) < 0.5

    assert torch.autograd.gradcheck(lambda x: kept(x, mask), leaf)
    assert torch.autograd.gradgradcheck(lambda x: kept(x.square(), mask), leaf)


def test_a_masked_weight_stays_masked_through_momentum_and_decay():
    torch.manual_seed(0)
    layer, mask = nn.Conv2d(3, 6, 3), causal_mask((6, 3, 3, 3), "A", channel_groups=3)
    set_param(layer, "weight", masked(layer.weight, mask))
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.05, momentum=0.9, weight_decay=0.1)

    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        losses.append((layer(torch.ones(2, 3, 5, 5)) - 1).square().mean())
        losses[-1].backward()
        optimizer.step()

    assert (layer.weight[~mask] == 0).all()
    assert losses[-1] < 0.2 * losses[0]
    remove(layer, "weight")
    assert (layer.weight[~mask] == 0).all()


def test_the_mask_is_a_buffer_that_is_saved():
    layer, other = nn.Linear(3, 3), nn.Linear(3, 3)
    set_param(layer, "weight", masked(layer.weight, np.tri(3)))
    set_param(other, "weight", masked(other.weight, torch.ones(3, 3)))

    other.load_state_dict(layer.state_dict())

    assert torch.equal(layer.weight, layer.weight.tril())
    for twin in (other, copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(twin.weight, layer.weight)
    assert [buffer.dtype for buffer in layer.double().buffers()] == [torch.bool]
    assert len(get_params(layer, regularizable=True)) == 1


def test_a_mask_spreads_over_a_weight_but_not_beyond():
    assert masked((2, 4, 3), [0, 1, 1]).shape == (2, 4, 3)
    with pytest.raises(ShapeError, match=r"a mask of \(4,\) does not spread to \(2, 3\)"):
        masked((2, 3), torch.ones(4))
    with pytest.raises(ShapeError, match="does not spread"):
        masked((3,), torch.ones(2, 3))
    with pytest.raises(ExpressionError, match="holds 0 and 1"):
        masked((2, 3), torch.tensor([0.5, 1, 0]))


def test_match_takes_masked_weights_and_refuses_others():
    layer, mask = nn.Linear(4, 4), torch.rand(4, 4) < 0.5
    layer.weight.data.abs_().add_(0.1).masked_fill_(~mask, 0)
    before = layer.weight.detach().clone()

    leaf = learn(4, 4)
    first = leaf.parameter.detach().clone()
    match(layer, "weight", masked(exp(leaf), mask))
    torch.testing.assert_close(layer.weight, before)
    torch.testing.assert_close(leaf.parameter[~mask].detach(), first[~mask])

    with pytest.raises(ExpressionError, match="cannot have the layer's value"):
        match(nn.Linear(4, 4), "weight", masked((4, 4), mask))


@pytest.mark.parametrize("size", [1, 3, 5])
def test_in_time_a_sees_the_past_and_b_the_present_too(size):
    for kind in "AB":
        layer = nn.Conv1d(2, 3, size, padding=size // 2, bias=False)
        mask = causal_mask((3, 2, size), kind)
        set_param(all_ones(layer), "weight", masked(layer.weight, mask))

        visible = seen(layer, (2, 9)).all(2).all(0)

        now, then = torch.meshgrid(torch.arange(9), torch.arange(9), indexing="ij")
        recent = now - then <= size // 2
        assert torch.equal(visible, recent & (then < now if kind == "A" else then <= now))
        assert torch.equal(visible, seen(layer, (2, 9)).any(2).any(0))


@pytest.mark.parametrize("kind", ["A", "B"])
@pytest.mark.parametrize("groups", [1, 3])
def test_in_an_image_exactly_what_was_drawn_before_is_seen(kind, groups):
    channels, size = 6, 5
    layer = nn.Conv2d(channels, channels, 5, padding=2, bias=False)
    mask = causal_mask(layer.weight.shape, kind, channel_groups=groups)
    set_param(all_ones(layer), "weight", masked(layer.weight, mask))

    visible = seen(layer, (channels, size, size))

    for out, i, j, into, k, m in torch.cartesian_prod(
        *(torch.arange(n) for n in visible.shape)
    ).tolist():
        group, other = out * groups // channels, into * groups // channels
        passed = (k, m) < (i, j)
        if (k, m) == (i, j):
            passed = other < group if kind == "A" else other <= group
        near = abs(k - i) <= 2 and abs(m - j) <= 2
        assert visible[out, i, j, into, k, m] == (passed and near)


def test_red_sees_nothing_of_its_pixel_and_blue_the_rest_of_it():
    centre = causal_mask((3, 3, 7, 7), "A", channel_groups=3)[:, :, 3, 3]
    within = causal_mask((3, 3, 1, 1), "B", channel_groups=3)[:, :, 0, 0]

    assert centre.int().tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0]]
    assert within.int().tolist() == [[1, 0, 0], [1, 1, 0], [1, 1, 1]]


def test_a_kernel_of_one_is_not_masked_but_for_the_groups():
    assert causal_mask((4, 5, 1, 1)).all()
    assert not causal_mask((4, 5, 1, 1), "A").any()


def test_stacked_colours_are_causal_with_the_known_blind_spot():
    first, second = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
    third = nn.Conv2d(6, 9, 1)
    for layer, kind in ((first, "A"), (second, "B"), (third, "B")):
        mask = causal_mask(layer.weight.shape, kind, channel_groups=3)
        set_param(all_ones(layer), "weight", masked(layer.weight, mask))

    visible = seen(nn.Sequential(first, second, third), (3, 5, 5))[:, 2, 2]

    colours = visible.reshape(3, 3, 3, 5, 5).any(1)
    assert [colours[c, :, 2, 2].int().tolist() for c in range(3)] == [
        *([0, 0, 0], [1, 0, 0], [1, 1, 0])
    ]
    assert colours[0].any(0).int().tolist() == [
        *([1, 1, 1, 1, 1], [1, 1, 1, 1, 0], [1, 1, 0, 0, 0], [0] * 5, [0] * 5)
    ]


def test_what_a_causal_mask_cannot_be_is_said():
    with pytest.raises(ExpressionError, match='kind must be "A" or "B", got \'C\''):
        causal_mask((2, 2, 3), "C")
    with pytest.raises(ShapeError, match=r"odd kernel sizes, got \(2, 2, 4\)"):
        causal_mask((2, 2, 4))
    with pytest.raises(ShapeError, match="odd kernel sizes"):
        causal_mask((2, 2))
    with pytest.raises(ShapeError, match="4 outputs and 3 inputs are not 3 equal groups"):
        causal_mask((4, 3, 3, 3), "A", channel_groups=3)


def stack(masks):
    """Return linear layers with positive masked weights: nothing cancels."""
    layers = []
    for mask in masks:
        layer = nn.Linear(*reversed(mask.shape))
        set_param(layer, "weight", masked(exp(learn(mask.shape)), mask))
        layers += [layer, nn.Softplus()]
    return nn.Sequential(*layers[:-1])


ORDERS = [None, [3, 1, 0, 4, 2], "random"]


@pytest.mark.parametrize("order", ORDERS, ids=str)
@pytest.mark.parametrize("hidden", [(), (4,), (8, 11), (20, 20, 20)], ids=str)
def test_an_output_sees_all_inputs_before_it_and_no_other(order, hidden):
    masks = made_masks(5, hidden, outputs_per_input=2, order=None if order == "random" else order)

    visible = seen(stack(masks), 5).reshape(5, 2, 5)

    places = torch.tensor(order if isinstance(order, list) else range(5))
    expected = places[None] < places[:, None]
    assert torch.equal(visible[:, 0], expected)
    assert torch.equal(visible[:, 1], expected)


@pytest.mark.parametrize("seed", range(20))
def test_random_orders_are_orders(seed):
    generator = torch.Generator().manual_seed(seed)

    visible = seen(stack(made_masks(6, (40, 40), order="random", generator=generator)), 6)

    order = visible.sum(1)
    assert sorted(order.tolist()) == list(range(6))
    assert torch.equal(visible, order[None] < order[:, None])


def test_random_masks_are_drawn_by_the_generator():
    def draw(seed):
        generator = torch.Generator().manual_seed(seed)
        return made_masks(6, (9, 9), order="random", generator=generator)

    assert all(map(torch.equal, draw(0), draw(0)))
    assert not all(map(torch.equal, draw(0), draw(1)))


@pytest.mark.parametrize("order", [None, "random"])
def test_no_hidden_unit_is_idle(order):
    masks = made_masks(5, (8, 11, 4), order=order)

    assert all(mask.any(1).all() for mask in masks[:-1])
    assert all(mask.any(0).all() for mask in masks[1:])


@pytest.mark.parametrize("order", [None, "random"])
def test_every_connection_that_keeps_the_order_is_made(order):
    torch.manual_seed(0)
    masks = made_masks(7, (10, 13), order=order)

    # Of two units the later may see the earlier if it reaches all that the earlier reaches.
    reached = [torch.eye(7, dtype=torch.bool)]
    for mask in masks:
        reached.append((mask.float() @ reached[-1].float()) > 0)
    for (before, after), mask in zip(pairwise(reached[:-1]), masks[:-1], strict=True):
        subset = (before[None] <= after[:, None]).all(-1)
        assert torch.equal(mask, subset)


def test_narrow_layers_and_one_input_keep_the_order():
    visible = seen(stack(made_masks(9, (3, 2))), 9)
    alone = made_masks(1, (4,))

    assert not visible.triu().any()
    assert visible.any(1).sum() >= 4
    assert not seen(stack(alone), 1).any()


def test_layers_of_one_width_can_be_bridged():
    first, second, third = made_masks(5, (9, 9))
    bridged = torch.eye(9, dtype=torch.bool)

    assert (second | bridged == second).all()
    assert first.shape == (9, 5)
    assert third.shape == (5, 9)


def test_an_order_that_is_none_is_refused():
    for order in ([0, 1, 1], [0, 1], "rnadom"):
        with pytest.raises(ExpressionError, match="order must hold 0 to 2, each once"):
            made_masks(3, (4,), order=order)


def test_a_made_learns_a_joint_distribution():
    torch.manual_seed(0)
    bits = torch.tensor([[0.0, 0, 0], [1, 1, 0], [0, 1, 1], [1, 0, 1]])  # the third is their xor
    model = nn.Sequential(
        nn.Linear(3, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 3)
    )
    for layer, mask in zip(model[::2], made_masks(3, (16, 16)), strict=True):
        set_param(layer, "weight", masked(layer.weight, mask))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)

    for _ in range(200):
        optimizer.zero_grad()
        loss = nn.functional.binary_cross_entropy_with_logits(model(bits), bits, reduction="sum")
        loss.backward()
        optimizer.step()

    every = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 3)
    prices = -nn.functional.binary_cross_entropy_with_logits(model(every), every, reduction="none")
    assert prices.sum(1).exp().sum().item() == pytest.approx(1, abs=1e-5)
    assert loss.item() / 4 == pytest.approx(2 * np.log(2), abs=0.02)
