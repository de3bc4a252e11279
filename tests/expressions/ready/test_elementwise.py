import copy
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.func import functional_call

from typica.core.errors import ExpressionError
from typica.expressions import add_param, get_expression, get_params, learn, set_param
from typica.expressions.match import match
from typica.expressions.ready.elementwise import bounded, positive

FINITE = st.floats(-50, 50)


@given(st.lists(FINITE, min_size=1, max_size=6), st.sampled_from(["softplus", "exp"]))
def test_positive_is_above_its_minimum(entries, how):
    x = torch.tensor(entries, dtype=torch.float64)

    assert (positive(x, how).value() > 0).all()
    assert (positive(x, how, minimum=0.5).value() >= 0.5).all()


@given(st.lists(st.floats(-20, 20), min_size=1, max_size=6))
def test_bounded_is_within_bounds_and_rises(entries):
    x = torch.tensor(sorted(entries), dtype=torch.float64)

    y = bounded(x, -2.0, 0.5).value()

    assert ((y > -2) & (y < 0.5)).all()
    assert (y.diff() >= 0).all()


def test_zero_is_the_middle_of_the_bounds():
    assert torch.equal(bounded(torch.zeros(3), 1.0, 4.0).value(), torch.full((3,), 2.5))


@pytest.mark.parametrize(
    "make",
    [positive, lambda x: positive(x, "exp"), lambda x: bounded(x, -1.0, 2.0)],
)
def test_gradients_are_right(make):
    x = torch.randn(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    module = nn.Module()
    add_param(module, "y", make(x))
    names = [name for name, _ in module.named_parameters()]
    read = Reading(module)

    def value(x):
        return functional_call(read, {f"module.{names[0]}": x})

    assert len(names) == 1
    assert torch.autograd.gradcheck(value, (x.requires_grad_(),))


class Reading(nn.Module):
    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self):
        return self.module.y


@pytest.mark.parametrize(
    ("make", "low", "high"),
    [
        (positive, 0.01, 9),
        (lambda x: positive(x, "exp"), 0.01, 9),
        (lambda x: positive(x, minimum=0.25), 0.26, 9),
        (lambda x: bounded(x, -1.5, 2), -1.4, 1.9),
    ],
)
def test_a_matched_layer_gives_the_same_and_then_trains(make, low, high):
    torch.manual_seed(0)
    layer, x = nn.Linear(6, 4), torch.randn(16, 6)
    nn.init.uniform_(layer.weight, low, high)
    before, goal = layer(x).detach(), torch.randn(16, 4)

    match(layer, "weight", make((4, 6)))
    torch.testing.assert_close(layer(x), before, rtol=1e-5, atol=1e-4)

    start = (layer(x) - goal).square().mean().item()
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.05)
    for _ in range(50):
        optimizer.zero_grad()
        (layer(x) - goal).square().mean().backward()
        optimizer.step()
    assert (layer(x) - goal).square().mean() < start
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(other.weight, layer.weight)


def test_x_is_an_expression_a_tensor_or_a_shape():
    start = torch.randn(3, 4)
    own = nn.Parameter(start.clone())

    assert positive((3, 4)).shape == (3, 4)
    assert torch.equal(positive(start).value(), nn.functional.softplus(start))
    assert torch.equal(positive(learn(start).T).value(), nn.functional.softplus(start.T))
    module = nn.Module()
    add_param(module, "y", bounded(own, 0, 1))
    assert torch.equal(get_params(module)[0], own)
    assert get_params(module)[0] is not own


def test_what_lies_outside_is_told():
    layer = nn.Linear(1, 1)
    nn.init.constant_(layer.weight, 3.0)

    with pytest.raises(
        ExpressionError, match="would be 1.5, and sigmoid gives only values below 1"
    ):
        match(layer, "weight", bounded((1, 1), 0.0, 2.0))
    with pytest.raises(
        ExpressionError, match="would be -1, and softplus gives only values above 0"
    ):
        match(layer, "weight", positive((1, 1), minimum=4.0))

    assert type(layer) is nn.Linear


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(ExpressionError, match="bounded: low must be below high, got 2 and 1"):
        bounded((3,), 2, 1)
    with pytest.raises(ExpressionError, match='positive: how must be "softplus" or "exp", got'):
        positive((3,), "relu")


def test_messages_show_the_formula():
    layer = nn.Linear(2, 3)
    set_param(layer, "weight", positive((3, 2), "exp", 0.5))

    assert repr(get_expression(layer, "weight")) == "exp(learn(3, 2)) + 0.5"
