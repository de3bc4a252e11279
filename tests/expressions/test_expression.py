import copy
import pickle

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from typica.core.errors import ExpressionError
from typica.expressions import const, exp, expr, learn, ref, set_param, softplus
from typica.expressions.expression import Call, Constant, Learnt


def test_operators_functions_and_methods_compute_what_torch_does():
    a, b = torch.rand(3, 4) + 1, torch.rand(4, 3) + 1
    x, y = learn(a), learn(b)

    pairs = [
        (x + 2, a + 2),
        (2 + x, 2 + a),
        (x - y.T, a - b.T),
        (1 - x, 1 - a),
        (x * y.mT, a * b.mT),
        (3 * x, 3 * a),
        (x / 2, a / 2),
        (2 / x, 2 / a),
        (x**2, a**2),
        (2**x, 2**a),
        (x @ y, a @ b),
        (-x, -a),
        (abs(-x), a),
        (exp(x), a.exp()),
        (softplus(x), F.softplus(a)),
        (torch.einsum("ij,jk->ik", x, y), a @ b),
        (torch.stack([x, y.T]), torch.stack([a, b.T])),
        (torch.cat((x, y.T), dim=1), torch.cat((a, b.T), 1)),
        (torch.where(x > 1.5, x, 0.0), torch.where(a > 1.5, a, 0.0)),
        (torch.where(x >= 1.5, x, 0.0) + (x < 0) + (x <= 0), torch.where(a >= 1.5, a, 0.0)),
        (x[1:, None, ::2], a[1:, None, ::2]),
        (x.sum(0, keepdim=True), a.sum(0, keepdim=True)),
        (x.flatten().unflatten(0, (2, 6)), a.flatten().unflatten(0, (2, 6))),
        (torch.linalg.qr(x)[0], torch.linalg.qr(a)[0]),
        (F.pad(x, (1, 1)), F.pad(a, (1, 1))),
    ]

    for expression, expected in pairs:
        torch.testing.assert_close(expression.value(), expected, msg=lambda m: f"{expression}: {m}")  # noqa: B023


def test_tensors_and_arrays_may_stand_on_either_side():
    a = torch.rand(3, 3)
    x = learn(a)
    array = np.ones((3, 3))

    for made in (array * x, x * array, torch.ones(3, 3) * x, x * torch.ones(3, 3)):
        assert isinstance(made, Call)
        assert torch.equal(made.value(), a)
    assert torch.equal((a @ x).value(), a @ a)
    assert torch.equal((nn.Parameter(a) @ x).value(), a @ a)


def test_a_part_that_occurs_twice_is_evaluated_once():
    calls = []

    def count(x):
        calls.append(1)
        return x * 2

    w = expr(count, learn(torch.ones(2)))

    assert torch.equal((w + w * w).value(), torch.full((2,), 6.0))
    assert len(calls) == 1


def test_a_value_is_computed_afresh_from_what_the_leaves_are_now():
    leaf = learn(torch.zeros(2))
    expression = exp(leaf)

    before = expression.value()
    with torch.no_grad():
        leaf.parameter.fill_(1)

    assert torch.equal(before, torch.ones(2))
    assert torch.equal(expression.value(), torch.ones(2).exp())


def test_shape_type_and_device_are_known_at_once():
    expression = learn(3, 4) @ learn(4, 2)

    assert expression.shape == (3, 2)
    assert expression.ndim == expression.dim() == 2
    assert expression.numel() == 6
    assert expression.size(0) == len(expression) == 3
    assert expression.dtype == torch.float32
    assert expression.device == torch.device("cpu")


def test_several_results_are_unpacked():
    a = torch.rand(4, 2)
    q, r = torch.linalg.qr(learn(a))
    left, right = learn(a).chunk(2)

    torch.testing.assert_close((q @ r).value(), a)
    assert torch.equal(right.value(), a[2:])
    assert left.shape == (2, 2)


def test_any_function_and_any_module_can_be_called():
    layer = nn.Linear(4, 3)
    a = torch.rand(2, 4)

    assert torch.equal(expr(layer, learn(a)).value(), layer(a))
    assert torch.equal(expr(F.softplus, learn(a), beta=2).value(), F.softplus(a, beta=2))


def test_a_snapshot_is_refused_with_the_mend():
    layer, x = nn.Linear(2, 2), learn(2, 2)
    message = r"snapshot.*wrap its inputs with learn\(\) or ref\(\).*ref\(encoder, 'weight'\)\.T"

    with pytest.raises(ExpressionError, match=message):
        x + layer.weight.T
    with pytest.raises(ExpressionError, match=message):
        torch.stack([x, layer.weight * 2])
    with pytest.raises(ExpressionError, match=message):
        learn(layer.weight * 2)
    with torch.no_grad():  # no grad_fn, yet a view of the parameter
        view = layer.weight.T
    with pytest.raises(ExpressionError, match=message):
        x @ view


def test_a_parameter_is_a_leaf_and_other_tensors_are_constants():
    layer = nn.Linear(2, 2)

    made = layer.weight * (torch.ones(2, 2) * learn(2, 2))

    assert isinstance(made.args[0], Learnt)
    assert made.args[0].parameter is layer.weight
    assert isinstance(made.args[1].args[0], Constant)


def test_changes_in_place_are_refused():
    x = learn(2, 2)

    with pytest.raises(ExpressionError, match="zero_ works in place.*returns a new tensor"):
        x.zero_()
    with pytest.raises(ExpressionError, match="normal_ works in place"):
        nn.init.normal_(x)
    with pytest.raises(ExpressionError, match="exp works in place"):
        torch.exp(x, out=torch.empty(2, 2))


def test_an_expression_has_no_truth_and_no_strange_attributes():
    x = learn(2, 2)

    with pytest.raises(ExpressionError, match=r"neither true nor false.*torch\.where"):
        bool(x > 0)
    with pytest.raises(AttributeError, match="no attribute 'wieght'"):
        _ = x.wieght
    assert not hasattr(x, "grad")


def test_it_is_written_as_it_was_built():
    layer = nn.Linear(3, 4)
    w = learn(4, 3, name="w")

    assert repr(exp(w) * 2 + 1) == "(exp(w) * 2) + 1"
    assert repr(ref(layer, "weight").T @ w) == "Linear.weight.T @ w"
    assert repr(w[1:, ::2, None, ...]) == "w[1:, ::2, None, ...]"
    assert repr(-w.flatten(0, 1)) == "-flatten(w, 0, 1)"
    assert repr(const(torch.ones(4, 3)) * learn(4, 3)) == "const(4, 3) * learn(4, 3)"
    assert repr(expr(F.softplus, w, beta=2)) == "softplus(w, beta=2)"


def test_what_lies_deep_or_is_shared_again_and_again_is_written_as_dots():
    w = learn(2, name="w")
    deep = shared = w
    for _ in range(2000):
        deep, shared = exp(deep), shared + shared

    assert repr(deep) == "exp(" * 9 + "..." + ")" * 9
    assert 1000 < len(repr(shared)) < 10_000


def test_an_expression_of_any_depth_is_evaluated_copied_and_pickled():
    w = learn(torch.ones(2))
    expression = w
    for number in range(2000):
        expression = expression * 1.0 + torch.where(expression > 0, 1.0, number) * w
    layer = nn.Linear(1, 2)
    set_param(layer, "bias", expression)

    copies = [copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))]

    assert torch.equal(layer.bias, torch.full((2,), 2001.0))
    for twin in copies:
        assert torch.equal(twin.bias, layer.bias)
        assert [p.shape for p in twin.parameters()] == [(2, 1), (2,)]
    with torch.no_grad():
        copies[0].bias_expr.leaf0.mul_(2)
    assert torch.equal(copies[0].bias, 2 * layer.bias)


def test_an_expression_is_pickled_with_its_leaves():
    w = learn(2, 3)
    twin, leaf = pickle.loads(pickle.dumps((exp(w.T).sum(0), w)))

    assert torch.equal(twin.value(), exp(w.T).sum(0).value())
    assert twin.args[0].args[0].args[0] is leaf
