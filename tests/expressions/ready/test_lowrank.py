import copy

import pytest
import torch
from torch import nn

from typica.core.errors import ExpressionError
from typica.expressions import factor, get_params, learn, low_rank, match, remove, set_param

LAYERS = [
    (lambda: nn.Linear(50, 40), torch.randn(3, 7, 50)),
    (lambda: nn.Linear(50, 40, bias=False), torch.randn(3, 50)),
    (lambda: nn.Conv1d(20, 30, 3, padding=2, dilation=2), torch.randn(2, 20, 9)),
    (
        lambda: nn.Conv2d(20, 30, 3, stride=2, padding=1, padding_mode="circular"),
        torch.randn(2, 20, 9, 9),
    ),
    (lambda: nn.Conv3d(8, 9, 2), torch.randn(2, 8, 4, 4, 4)),
    (lambda: nn.Conv1d(20, 30, 3, groups=2), torch.randn(2, 20, 9)),
    (lambda: nn.Embedding(60, 30), torch.randint(60, (3, 4))),
    (lambda: nn.Embedding(60, 30, padding_idx=0), torch.randint(60, (3, 4))),
]


@pytest.mark.parametrize(("make", "x"), LAYERS)
def test_two_steps_and_the_product_are_the_same_function(make, x):
    torch.manual_seed(0)
    layer = make().double()
    x = x.double() if x.is_floating_point() else x
    set_param(layer, "weight", low_rank(layer.weight, 5))
    formed = copy.deepcopy(layer)
    left, right = remove(formed, "weight").args
    set_param(formed, "weight", (left @ right.flatten(1)).reshape(layer.weight.shape))

    out, expected = layer(x), formed(x)
    weight = torch.randn_like(out)
    (out * weight).sum().backward()
    (expected * weight).sum().backward()

    torch.testing.assert_close(out, expected)
    torch.testing.assert_close(layer.weight_expr.left.grad, left.parameter.grad)
    torch.testing.assert_close(layer.weight_expr.right.grad, right.parameter.grad)


def test_the_product_is_never_formed_where_two_steps_serve():
    layer = nn.Linear(64, 64)
    set_param(layer, "weight", low_rank((64, 64), 4))

    sizes = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda t: sizes.append(t.numel()) or t, lambda t: t
    ):
        layer(torch.randn(2, 64)).sum().backward()

    assert max(sizes) <= 4 * 64
    assert layer.weight.shape == (64, 64)


def test_the_product_keeps_the_variance_of_the_layer():
    torch.manual_seed(0)
    layer, wide = nn.Linear(784, 500), nn.Conv1d(200, 300, 5)
    before = layer.weight.std(), wide.weight.std()

    set_param(layer, "weight", low_rank(layer.weight, 100))
    set_param(wide, "weight", low_rank(wide.weight, 50))

    assert (layer.weight.std() / before[0]).item() == pytest.approx(1, abs=0.03)
    assert (wide.weight.std() / before[1]).item() == pytest.approx(1, abs=0.05)
    assert sum(p.numel() for p in get_params(layer, regularizable=True)) == 100 * (784 + 500)


def test_matched_factors_have_glorots_scale_and_plain_ones_have_not():
    torch.manual_seed(0)
    glorot = (2 / 1284) ** 0.5
    init = factor((500, 784), 100)

    matched = (learn(500, 100, init=init) @ learn(100, 784, init=init)).value().std().item()
    plain = (learn(500, 100) @ learn(100, 784)).value().std().item()

    assert matched / glorot == pytest.approx(1, abs=0.02)
    assert plain / glorot == pytest.approx(0.696, abs=0.02)


def test_a_rank_that_saves_nothing_is_refused():
    with pytest.raises(
        ExpressionError, match=r"rank 5 saves no weights of \(8, 8\): choose from 1 to 3"
    ):
        low_rank((8, 8), 5)
    with pytest.raises(ExpressionError, match="rank 0 saves no weights"):
        low_rank((8, 8), 0)


def test_a_subclass_with_its_own_forward_keeps_it():
    class Doubled(nn.Linear):
        def forward(self, input):
            return 2 * super().forward(input)

    layer, x = Doubled(20, 20), torch.randn(2, 20)
    set_param(layer, "weight", low_rank(layer.weight, 2))

    torch.testing.assert_close(layer(x), 2 * (x @ layer.weight.T + layer.bias))


@pytest.mark.parametrize("make", [lambda: nn.Linear(20, 16), lambda: nn.Conv1d(8, 16, 3)])
def test_a_pretrained_layer_of_low_rank_is_matched(make):
    torch.manual_seed(0)
    layer = make()
    flat = layer.weight.data.flatten(1)
    flat.copy_(torch.randn(16, 4) @ torch.randn(4, flat.shape[1]))
    before = layer.weight.detach().clone()

    with pytest.raises(ExpressionError, match="cannot have the layer's value"):
        match(layer, "weight", low_rank(layer.weight, 2))
    match(layer, "weight", low_rank(layer.weight, 4))

    torch.testing.assert_close(layer.weight, before, atol=1e-5, rtol=1e-5)


def test_the_nearest_of_low_rank_is_the_truncated_decomposition():
    layer = nn.Linear(12, 10)
    u, s, v = torch.linalg.svd(layer.weight.detach())

    match(layer, "weight", low_rank(layer.weight, 3), nearest=True)

    torch.testing.assert_close(layer.weight.detach(), (u[:, :3] * s[:3]) @ v[:3], atol=1e-5, rtol=0)
