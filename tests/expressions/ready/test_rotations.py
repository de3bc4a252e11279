import copy
import math
import pickle

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from typica.core.errors import ExpressionError, ShapeError
from typica.expressions import get_params, learn, set_param
from typica.expressions.match import match
from typica.expressions.ready.rotations import bank, rotated


def filters(*shape, seed=0):
    return torch.randn(shape, dtype=torch.double, generator=torch.Generator().manual_seed(seed))


def maps(image, weight, sides=1):
    """Return the maps of a bank, (sides, copies, outputs, height, width)."""
    out = F.conv2d(image, weight, padding=weight.shape[-1] // 2)
    return out.reshape(sides, -1, 2, *out.shape[-2:])


IMAGE = filters(3, 11, 11, seed=1)


def test_the_blocks_are_the_filters_turned_one_quarter_after_the_other():
    few = filters(2, 3, 5, 5)

    plain, mirrored = bank(few, 4, False), bank(few, 4, True)

    assert plain.shape == (8, 3, 5, 5)
    for copy_ in range(4):
        assert torch.equal(plain[2 * copy_ : 2 * copy_ + 2], torch.rot90(few, copy_, (2, 3)))
        turned = torch.rot90(few.flip(-1), copy_, (2, 3))
        assert torch.equal(mirrored[8 + 2 * copy_ : 10 + 2 * copy_], turned)
    assert torch.equal(mirrored[:8], plain)


@pytest.mark.parametrize("size", [3, 4, 5])
def test_turning_the_image_turns_the_maps_and_moves_the_blocks_by_one(size):
    weight = bank(filters(2, 3, size, size), 4, False)

    before = F.conv2d(IMAGE, weight).reshape(4, 2, 12 - size, 12 - size)
    after = F.conv2d(torch.rot90(IMAGE, 1, (1, 2)), weight).reshape(before.shape)

    torch.testing.assert_close(after, torch.rot90(before.roll(1, 0), 1, (-2, -1)))
    assert not torch.allclose(after, torch.rot90(before, 1, (-2, -1)))


@pytest.mark.parametrize("copies", [1, 2, 4, 8, 12])
def test_the_quarters_among_any_number_of_copies_are_exact(copies):
    weight = bank(filters(2, 3, 5, 5), copies, False)
    quarters = {1: 4, 2: 2}.get(copies, 1)  # the turn that the bank knows

    before = maps(IMAGE, weight)[0]
    after = maps(torch.rot90(IMAGE, quarters, (1, 2)), weight)[0]

    moved = before.roll(copies * quarters // 4, 0)
    torch.testing.assert_close(after, torch.rot90(moved, quarters, (-2, -1)))


@pytest.mark.parametrize("copies", [1, 2, 3, 4, 6, 8])
def test_mirroring_the_image_mirrors_the_maps_and_swaps_the_sides(copies):
    weight = bank(filters(2, 3, 5, 5), copies, True)

    before = maps(IMAGE, weight, sides=2)
    after = maps(IMAGE.flip(-1), weight, sides=2)

    backwards = [-copy_ % copies for copy_ in range(copies)]
    torch.testing.assert_close(after, before.flip(0)[:, backwards].flip(-1))


def test_other_angles_turn_a_smooth_filter_as_an_exact_rotation_would():
    y, x = torch.meshgrid(*[torch.arange(-7.0, 8)] * 2, indexing="ij")

    def blob(angle):  # off the centre, to the right; y points down
        a, b = 4 * math.cos(angle), -4 * math.sin(angle)
        return torch.exp(-((x - a).square() + (y - b).square()) / 8)

    turned = bank(blob(0.0)[None, None], 8, False)[:, 0]

    for copy_ in range(8):
        assert (turned[copy_] - blob(copy_ * math.pi / 4)).abs().max() < 0.1
    assert (turned[1] - blob(-math.pi / 4)).abs().max() > 0.5


def test_the_corners_of_other_angles_are_cut():
    turned = bank(torch.ones(1, 1, 5, 5), 8, False)[1, 0]

    torch.testing.assert_close(turned[1:4, 1:4], torch.ones(3, 3))
    torch.testing.assert_close(turned[::4, ::4], torch.full((2, 2), 3 - 8**0.5))


@pytest.mark.parametrize("mirrored", [False, True])
def test_the_gradient_of_a_filter_is_the_sum_over_its_copies(mirrored):
    layer = nn.Conv2d(3, 16 if mirrored else 8, 3).double()
    set_param(layer, "weight", rotated(filters(2, 3, 3, 3), mirrored=mirrored))
    plain = nn.Conv2d(3, layer.out_channels, 3).double()
    plain.load_state_dict({"weight": layer.weight.detach(), "bias": layer.bias.detach()})

    layer(IMAGE).square().sum().backward()
    plain(IMAGE).square().sum().backward()

    blocks = plain.weight.grad.reshape(-1, 4, 2, 3, 3, 3)
    back = [torch.rot90(blocks[:, k], -k, (-2, -1)) for k in range(4)]
    sides = torch.stack(back).sum(0)
    total = sides[0] + (sides[1].flip(-1) if mirrored else 0)
    torch.testing.assert_close(layer.weight_expr.leaf0.grad, total)


@pytest.mark.parametrize(("copies", "mirrored"), [(1, True), (2, False), (4, True), (6, True)])
def test_gradients_are_right(copies, mirrored):
    few = filters(1, 2, 3, 3).requires_grad_()

    assert torch.autograd.gradcheck(lambda x: bank(x, copies, mirrored), few)
    assert torch.autograd.gradgradcheck(lambda x: bank(x.square(), copies, mirrored), few)


def test_half_turns_and_mirrors_need_no_squares():
    assert rotated((2, 3, 2, 5), 2, mirrored=True).shape == (8, 3, 2, 5)


def test_a_layer_with_one_filter_finds_an_edge_at_every_angle():
    torch.manual_seed(0)
    layer = nn.Conv2d(1, 4, 3, bias=False)
    set_param(layer, "weight", rotated((1, 1, 3, 3)))
    edge = torch.tensor([[1.0, 0, -1]] * 3)
    images = torch.stack([torch.rot90(edge, k) for k in range(4)])[:, None]
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.05)

    for _ in range(100):
        optimizer.zero_grad()
        loss = F.cross_entropy(layer(images)[:, :, 0, 0], torch.arange(4))
        loss.backward()
        optimizer.step()

    assert loss < 0.1
    assert sum(p.numel() for p in get_params(layer)) == 9


def test_banks_survive_copies_and_compilation():
    layer, other = nn.Conv2d(3, 12, 3), nn.Conv2d(3, 12, 3)
    set_param(layer, "weight", rotated((2, 3, 3, 3), 6))
    set_param(layer, "bias", learn(2).repeat(6))
    set_param(other, "weight", rotated((2, 3, 3, 3), 6))
    set_param(other, "bias", learn(2).repeat(6))
    other.load_state_dict(layer.state_dict())
    image = torch.randn(1, 3, 6, 6)
    compiled = torch.compile(copy.deepcopy(layer), backend="aot_eager", fullgraph=True)

    for twin in (other, copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(twin(image), layer(image))
    torch.testing.assert_close(compiled(image), layer(image))


@pytest.mark.parametrize(("copies", "mirrored"), [(4, False), (4, True), (6, False)])
def test_match_finds_the_filters_of_a_bank_and_refuses_what_is_none(copies, mirrored):
    few = filters(2, 3, 3, 3)
    layer = nn.Module()
    layer.weight = nn.Parameter(bank(few, copies, mirrored))
    expression = rotated(learn(torch.zeros_like(few)), copies, mirrored=mirrored)

    match(layer, "weight", expression)

    torch.testing.assert_close(layer.weight_expr.leaf0, nn.Parameter(few))
    layer = nn.Conv2d(3, 8, 3)
    with pytest.raises(ExpressionError, match="cannot have the layer's value"):
        match(layer, "weight", rotated((2, 3, 3, 3)))


def test_what_cannot_be_turned_is_said():
    with pytest.raises(ShapeError, match=r"4 copies need square filters, got \(2, 3, 3, 5\)"):
        rotated((2, 3, 3, 5))
    with pytest.raises(ShapeError, match="8 copies need filters of an odd size"):
        rotated((2, 3, 4, 4), 8)
    with pytest.raises(ShapeError, match=r"\(outputs, inputs, height, width\), got \(2, 3, 5\)"):
        rotated((2, 3, 5))
    with pytest.raises(ExpressionError, match="copies must be at least 1, got 0"):
        rotated((2, 3, 3, 3), 0)
