import copy
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrizations

from typica.core.errors import ExpressionError
from typica.expressions import get_params, learn, ref, set_param
from typica.expressions.match import match
from typica.expressions.ready.norms import normalised, of_length, unit, weight_norm

DIMS = [0, 1, -1, (0, 1), (0, 2), None, ()]


def drawn(*shape, dtype=torch.float32, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.mark.parametrize("dim", [0, 1, 2, None])
def test_it_is_torchs_own_weight_norm(dim):
    conv = nn.Conv1d(5, 4, 3)
    theirs = parametrizations.weight_norm(copy.deepcopy(conv), dim=dim)
    set_param(conv, "weight", weight_norm(conv.weight, dim))
    x = drawn(2, 5, 9)

    ours, expected = conv(x), theirs(x)
    ours.square().sum().backward()
    expected.square().sum().backward()

    torch.testing.assert_close(ours, expected)
    mine = dict(conv.named_parameters())
    other = theirs.parametrizations.weight
    torch.testing.assert_close(
        mine["weight_expr.gain"].grad, other.original0.grad.view_as(mine["weight_expr.gain"])
    )
    torch.testing.assert_close(mine["weight_expr.direction"].grad, other.original1.grad)


@pytest.mark.parametrize("dim", DIMS)
def test_it_starts_at_the_tensor(dim):
    tensor = drawn(4, 5, 3)

    torch.testing.assert_close(weight_norm(tensor, dim).value(), tensor)


@pytest.mark.parametrize(
    ("dim", "sizes"), [(0, (4, 1, 1)), (-1, (1, 1, 3)), ((0, 2), (4, 1, 3)), (None, (1, 1, 1))]
)
def test_each_entry_along_the_dimension_has_a_length(dim, sizes):
    tensor, gain = drawn(4, 5, 3), drawn(*sizes, seed=1).abs()
    across = [axis for axis, size in enumerate(sizes) if size == 1]

    for expression in (normalised(tensor, gain, dim), normalised(learn(4, 5, 3), learn(gain), dim)):
        lengths = torch.linalg.vector_norm(expression.value(), dim=across, keepdim=True)
        torch.testing.assert_close(lengths, gain)
    lengths = torch.linalg.vector_norm(normalised(tensor, 3.0, dim).value(), dim=across)
    torch.testing.assert_close(lengths, torch.full_like(lengths, 3))


# Squares of less are no longer numbers of full precision.
ENTRIES = st.floats(-1e15, 1e15).map(lambda entry: entry if abs(entry) > 1e-100 else 0.0)


@given(st.lists(ENTRIES, min_size=2, max_size=5))
def test_without_a_gain_the_length_is_one_or_all_is_zero(entries):
    v = torch.tensor([entries], dtype=torch.float64)

    y = normalised(v).value()

    length = torch.linalg.vector_norm(y).item()
    assert length == pytest.approx(1) or not v.square().sum()


def test_the_direction_has_no_gradient_along_itself():
    v, gain = drawn(4, 6).requires_grad_(), drawn(4, 1)

    of_length(v, gain, (1,)).backward(drawn(4, 6, seed=2))

    torch.testing.assert_close((v.grad * v.detach()).sum(1), torch.zeros(4), rtol=0, atol=1e-5)


@pytest.mark.parametrize("dim", [(1, 2), (1,), (0, 1, 2), ()])
def test_gradients_are_right_to_second_order(dim):
    v = drawn(3, 2, 2, dtype=torch.float64).requires_grad_()
    shape = [1 if axis in dim else size for axis, size in enumerate(v.shape)]
    gain = drawn(*shape, dtype=torch.float64, seed=1).requires_grad_()

    assert torch.autograd.gradcheck(lambda v, g: of_length(v, g, dim), (v, gain))
    assert torch.autograd.gradgradcheck(lambda v, g: of_length(v, g, dim), (v, gain))
    assert torch.autograd.gradcheck(lambda v: unit(v, (1, 2)), (v,))


def test_a_direction_of_zero_gives_zero_and_a_finite_gradient():
    v, gain = torch.zeros(3, 4, requires_grad=True), torch.ones(3, 1, requires_grad=True)

    for value in (of_length(v, gain, (1,)), unit(v, (1,))):
        value.sum().backward()
        assert torch.equal(value, torch.zeros(3, 4))
        assert torch.isfinite(v.grad).all()
        assert torch.isfinite(gain.grad).all()


def test_what_begins_at_zero_can_be_learnt():
    torch.manual_seed(0)
    layer, x = nn.Linear(4, 3), torch.randn(32, 4)
    nn.init.zeros_(layer.weight)
    goal = x @ torch.randn(4, 3)
    set_param(layer, "weight", weight_norm(layer.weight))
    assert torch.equal(layer.weight, torch.zeros(3, 4))

    optimizer = torch.optim.Adam(layer.parameters(), lr=0.05)
    for _ in range(300):
        optimizer.zero_grad()
        loss = (layer(x) - goal).square().mean()
        loss.backward()
        optimizer.step()

    assert loss < 0.01 * goal.square().mean()


@pytest.mark.parametrize("dim", DIMS)
def test_a_matched_layer_gives_the_same_and_then_trains(dim):
    conv, x = nn.Conv1d(5, 4, 3), drawn(2, 5, 9)
    conv.weight.data[1] = 0
    before, target = conv(x).detach(), conv.weight.detach().clone()

    match(conv, "weight", weight_norm(drawn(4, 5, 3, seed=3), dim))

    torch.testing.assert_close(conv.weight, target)
    torch.testing.assert_close(conv(x), before)
    optimizer = torch.optim.SGD(conv.parameters(), lr=0.01)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        losses.append(conv(x).square().mean())
        losses[-1].backward()
        optimizer.step()
    assert losses[-1] < losses[0]
    assert dim != 0 or (conv.weight[1] != 0).any()
    for other in (copy.deepcopy(conv), pickle.loads(pickle.dumps(conv))):
        assert torch.equal(other.weight, conv.weight)


def test_one_of_the_two_is_matched_where_the_other_is_fixed():
    weight = nn.functional.normalize(drawn(4, 6))
    layer, other, third = nn.Linear(6, 4), nn.Linear(6, 4), nn.Linear(6, 4)
    for one, scale in ((layer, -2.5), (other, 1.0), (third, 3.0)):
        one.weight.data = weight * scale

    match(layer, "weight", normalised((4, 6), -2.5))
    match(third, "weight", normalised(ref(other, "weight"), (4, 1)))

    torch.testing.assert_close(layer.weight, -2.5 * weight)
    torch.testing.assert_close(third.weight, 3 * weight)
    assert [p.shape for p in get_params(third, regularizable=True)] == [(4, 6), (4, 1)]


def test_another_length_is_told():
    layer = nn.Linear(2, 1)
    layer.weight.data = torch.tensor([[3.0, 4.0]])

    with pytest.raises(ExpressionError) as caught:
        match(layer, "weight", normalised((1, 2)))
    match(layer, "weight", normalised((1, 2)), nearest=True)

    assert str(caught.value) == (
        "Linear.weight: unit(learn(1, 2), (1,)) cannot have the layer's value: the nearest found"
        " is 3.2 away at an entry, nearest=True takes it"
    )
    torch.testing.assert_close(layer.weight, torch.tensor([[0.6, 0.8]]))


def test_leaves_have_names_and_tags():
    layer = nn.Linear(6, 4, bias=False)
    set_param(layer, "weight", weight_norm(layer.weight, regularizable=False))

    names = [name for name, _ in layer.named_parameters()]
    assert names == ["weight_expr.direction", "weight_expr.gain"]
    assert get_params(layer, regularizable=False) == list(layer.parameters())


def test_dimensions_and_gains_that_do_not_fit_are_refused():
    with pytest.raises(ExpressionError, match=r"weight of 2 dimensions: there is no dimension 2"):
        normalised((4, 6), dim=2)
    with pytest.raises(ExpressionError, match=r"there is no dimension \(0, -3\)"):
        weight_norm(drawn(4, 6), dim=(0, -3))
    with pytest.raises(ExpressionError, match=r"gain must have shape \(4, 1\), got \(4,\)"):
        normalised((4, 6), (4,))
