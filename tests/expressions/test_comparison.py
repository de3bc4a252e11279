"""The table that compares mechanisms, in docs/expressions.md: every cell is tried here."""

import copy
import pickle
import re
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn.utils import parametrize

from typica.expressions import (
    cached,
    const,
    exp,
    expr,
    get_params,
    learn,
    learn_like,
    ref,
    remove,
    set_param,
)
from typica.expressions.match import match

PAGE = Path(__file__).parents[2] / "docs" / "expressions.md"
MECHANISMS = ["parametrize", "functional_call", "expressions"]


class Exp(nn.Module):
    def forward(self, x):
        return x.exp()

    def right_inverse(self, weight):
        return weight.abs().log()


class Product(nn.Module):
    def forward(self, left, right):
        return left @ right

    def right_inverse(self, weight):
        return weight[:, :1].clone(), weight[:1].clone()


class Masked(nn.Module):
    def __init__(self, mask):
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, x):
        return x * self.mask


class Tied(nn.Module):
    def __init__(self, other):
        super().__init__()
        self.other = [other]

    def forward(self, original):
        return self.other[0].weight.T


class Called(nn.Module):
    """What a user of functional_call writes: a module, and a function that makes its parameters."""

    def __init__(self, module, leaves, make):
        super().__init__()
        self.module, self.leaves, self.make = module, nn.ParameterDict(leaves), make

    def forward(self, *args):
        return functional_call(self.module, self.make(self.leaves), args)


def make_exp(leaves):
    return {"weight": leaves["w"].exp()}


def positive(mechanism, layer=None):
    """Return a layer with a computed weight, by each mechanism its simplest."""
    layer = layer or nn.Linear(3, 3)
    if mechanism == "parametrize":
        parametrize.register_parametrization(layer, "weight", Exp())
    elif mechanism == "expressions":
        set_param(layer, "weight", exp(learn_like(layer.weight)))
    else:
        layer = Called(layer, {"w": torch.zeros(3, 3)}, make_exp)
    return layer


def works(attempt):
    """Whether something can be done, and does what it should."""
    try:
        return bool(attempt())
    except (RuntimeError, ValueError, NotImplementedError, KeyError, TypeError, AttributeError):
        return False


def any_expression(mechanism):
    left, right = torch.rand(3, 1), torch.rand(1, 3)
    layer, x = nn.Linear(3, 3, bias=False), torch.rand(2, 3)
    if mechanism == "parametrize":
        parametrize.register_parametrization(layer, "weight", Product(), unsafe=True)
        left, right = (
            layer.parametrizations.weight.original0,
            layer.parametrizations.weight.original1,
        )
    elif mechanism == "functional_call":
        leaves = {"l": left, "r": right}
        layer = Called(layer, leaves, lambda held: {"weight": held["l"] @ held["r"]})
    else:
        set_param(layer, "weight", learn(left) @ learn(right))
    return torch.allclose(layer(x), x @ (left @ right).T)


def constants(mechanism):
    mask, layer = torch.eye(3), nn.Linear(3, 3)
    if mechanism == "parametrize":
        parametrize.register_parametrization(layer, "weight", Masked(mask))
    elif mechanism == "functional_call":
        layer = Called(layer, {"w": torch.rand(3, 3)}, lambda held: {"weight": held["w"] * mask})
    else:
        set_param(layer, "weight", learn(3, 3) * const(mask))
    layer(torch.rand(2, 3)).sum().backward()
    leaves = [p for p in layer.parameters() if p.shape == (3, 3) and p.grad is not None]
    return len(leaves) == 1 and leaves[0].grad[mask == 0].eq(0).all()


def ties_leave_nothing_dead(mechanism):
    model, x = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 3)), torch.rand(4, 3)
    if mechanism == "parametrize":
        parametrize.register_parametrization(model[1], "weight", Tied(model[0]))
    elif mechanism == "functional_call":
        inner = model
        model = Called(inner, {}, lambda _: {"1.weight": inner[0].weight.T})
    else:
        set_param(model[1], "weight", ref(model[0], "weight").T)
    model(x).sum().backward()
    return all(p.grad is not None for p in model.parameters())


def called_as_before(mechanism):
    return isinstance(positive(mechanism), nn.Linear)


def pickles(mechanism):
    layer, x = positive(mechanism), torch.rand(2, 3)
    return torch.equal(pickle.loads(pickle.dumps(layer))(x), layer(x))


def recurrent_layers_are_copied(mechanism):
    lstm, x = nn.LSTM(3, 3), torch.rand(2, 1, 3)
    name = "weight_hh_l0"
    if mechanism == "parametrize":
        parametrize.register_parametrization(lstm, name, Exp())
    elif mechanism == "expressions":
        set_param(lstm, name, exp(learn_like(lstm.weight_hh_l0)))
    else:
        lstm = Called(lstm, {"w": torch.zeros(12, 3)}, lambda held: {name: held["w"].exp()})
    lstm(x)
    return torch.equal(copy.deepcopy(lstm)(x)[0], lstm(x)[0])


def tags(mechanism):
    layer = positive(mechanism)
    # A parametrization's leaves can be found by name; tags of one's own are nowhere to be had.
    if mechanism != "expressions":
        return any(hasattr(place, "tags") for place in (layer, parametrize, torch.func))
    set_param(layer, "weight", learn(3, 3, slow=True) * learn(3, 1))
    return len(get_params(layer, slow=True)) == 1


def once_a_step(mechanism):
    calls = []

    def count(x):
        calls.append(1)
        return x * 1

    class Counted(nn.Module):
        def forward(self, x):
            return count(x)

    layer, x = nn.Linear(3, 3), torch.rand(2, 3)
    if mechanism == "functional_call":  # the caller decides; nothing is there to keep a value
        return hasattr(torch.func, "cached")
    if mechanism == "expressions":
        set_param(layer, "weight", expr(count, learn(3, 3)))
    else:
        parametrize.register_parametrization(layer, "weight", Counted())
    calls.clear()
    with cached(layer) if mechanism == "expressions" else parametrize.cached():
        layer(layer(x))
    return len(calls) == 1


def no_gradient_is_used_up(mechanism):
    """In a cached block two steps are possible: a value is not kept beyond its graph."""
    if mechanism == "functional_call":
        return hasattr(torch.func, "cached")
    layer, x = positive(mechanism), torch.rand(2, 3)
    with cached(layer) if mechanism == "expressions" else parametrize.cached():
        for _ in range(2):
            layer(x).sum().backward()
    return True


def values_are_set(mechanism):
    layer, wanted = positive(mechanism), torch.full((3, 3), 0.5)
    if mechanism == "expressions":
        remove(layer, "weight")
        set_param(layer, "weight", wanted)
        match(layer, "weight", exp(learn(3, 3)))
    else:
        layer.weight = wanted  # a module called through functional_call does not hear of it
    bias = layer(torch.zeros(1, 3))
    return torch.allclose(layer(torch.eye(3)) - bias, wanted)


def shapes_are_checked_at_once(mechanism):
    class Turned(nn.Module):
        def forward(self, x):
            return x.T

    layer = nn.Linear(3, 2)
    attempts = {
        "parametrize": lambda: parametrize.register_parametrization(layer, "weight", Turned()),
        "functional_call": lambda: Called(
            layer, {"w": layer.weight.T}, lambda h: {"weight": h["w"]}
        ),
        "expressions": lambda: set_param(layer, "weight", learn_like(layer.weight).T),
    }
    return not works(lambda: attempts[mechanism]() or True)


def compiles(mechanism):
    layer, x = positive(mechanism), torch.rand(2, 3)
    torch._dynamo.reset()
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    return torch.allclose(compiled(x), layer(x), atol=1e-6)


ROWS = {
    "any expression of any number of leaves": any_expression,
    "learnt and constant numbers mixed": constants,
    "a tie leaves no dead parameter": ties_leave_nothing_dead,
    "the module is called as before": called_as_before,
    "the module can be pickled": pickles,
    "an LSTM can be copied after a forward pass": recurrent_layers_are_copied,
    "leaves carry tags": tags,
    "one evaluation a step in a block": once_a_step,
    "two steps in such a block": no_gradient_is_used_up,
    "a value can be set, through an inverse": values_are_set,
    "a wrong shape is refused when it is set": shapes_are_checked_at_once,
    "`torch.compile(fullgraph=True)`": compiles,
}


def cells():
    for line in PAGE.read_text().splitlines():
        name, *values = re.split(r"\s*\|\s*", line.strip("| ")) if line.startswith("|") else [""]
        if name in ROWS:
            assert len(values) == len(MECHANISMS), line
            yield from ((name, *pair) for pair in zip(MECHANISMS, values, strict=True))


def test_the_table_is_whole():
    found = list(cells())

    assert {name for name, *_ in found} == set(ROWS)
    assert len(found) == len(ROWS) * len(MECHANISMS)


@pytest.mark.parametrize(("name", "mechanism", "cell"), list(cells()))
@pytest.mark.filterwarnings("ignore")
def test_a_cell_says_what_is_so(name, mechanism, cell):
    torch.manual_seed(0)

    assert cell in ("yes", "no")
    assert works(lambda: ROWS[name](mechanism)) == (cell == "yes")
