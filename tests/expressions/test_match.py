import copy
import gc
import operator
import pickle

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from typica.core.errors import ExpressionError, ShapeError
from typica.expressions import (
    add_param,
    const,
    exp,
    expr,
    get_expression,
    get_params,
    learn,
    learn_like,
    ref,
    remove,
    set_param,
    softplus,
)
from typica.expressions.inverses import inverse_for
from typica.expressions.match import inverse_of, match
from typica.expressions.program import Program


def layer(weight, bias=False):
    made = nn.Linear(weight.shape[1], weight.shape[0], bias=bias, dtype=weight.dtype)
    with torch.no_grad():
        made.weight.copy_(weight)
    return made


def drawn(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def leaf(*shape):
    return learn(*shape, init=lambda sizes: drawn(*sizes, seed=1))


ANY, POSITIVE, UNIT = drawn(4, 6), drawn(4, 6).abs() + 0.01, drawn(4, 6).sigmoid()
MASK = drawn(4, 6, seed=2) > 0

ROUND_TRIPS = {
    "leaf": (ANY, lambda: leaf(4, 6)),
    "exp": (POSITIVE, lambda: exp(leaf(4, 6))),
    "exp method": (POSITIVE, lambda: leaf(4, 6).exp()),
    "softplus": (POSITIVE, lambda: softplus(leaf(4, 6))),
    "softplus beta": (POSITIVE, lambda: F.softplus(leaf(4, 6), beta=3.0)),
    "softplus threshold": (POSITIVE, lambda: F.softplus(leaf(4, 6), threshold=30.0)),
    "tanh": (ANY.tanh(), lambda: torch.tanh(leaf(4, 6))),
    "sigmoid": (UNIT, lambda: torch.sigmoid(leaf(4, 6))),
    "softmax": (ANY.softmax(1), lambda: F.softmax(leaf(4, 6), dim=1)),
    "relu": (POSITIVE, lambda: F.relu(leaf(4, 6))),
    "neg": (ANY, lambda: -leaf(4, 6)),
    "abs": (POSITIVE, lambda: abs(leaf(4, 6))),
    "square": (POSITIVE, lambda: leaf(4, 6).square()),
    "sqrt": (POSITIVE, lambda: leaf(4, 6).sqrt()),
    "log": (ANY, lambda: torch.log(leaf(4, 6))),
    "add": (ANY, lambda: leaf(4, 6) + 2),
    "add alpha": (ANY, lambda: torch.add(torch.ones(4, 6), leaf(4, 6), alpha=2)),
    "add two": (ANY, lambda: leaf(4, 1) + leaf(4, 6)),
    "sub": (ANY, lambda: 1 - leaf(4, 6)),
    "sub two": (ANY, lambda: leaf(4, 6) - leaf(6)),
    "mul": (ANY, lambda: 3 * leaf(4, 6)),
    "mul two": (ANY, lambda: leaf(4, 1) * leaf(4, 6)),
    "mul gain": (drawn(4, 1) * ANY, lambda: leaf(4, 1) * const(ANY)),
    "mask": (ANY * MASK, lambda: const(MASK) * leaf(4, 6)),
    "div": (ANY, lambda: leaf(4, 6) / const(POSITIVE)),
    "div by": (ANY, lambda: 2 / leaf(4, 6)),
    "div two": (ANY, lambda: leaf(4, 6) / leaf(4, 6)),
    "pow odd": (ANY, lambda: leaf(4, 6) ** 3),
    "pow even": (POSITIVE, lambda: leaf(4, 6) ** 2),
    "pow of": (POSITIVE, lambda: 2 ** leaf(4, 6)),
    "T": (ANY, lambda: leaf(6, 4).T),
    "mT": (ANY, lambda: leaf(6, 4).mT),
    "t": (ANY, lambda: leaf(6, 4).t()),
    "transpose": (ANY, lambda: torch.transpose(leaf(6, 4), 0, 1)),
    "permute": (ANY, lambda: leaf(6, 4).permute(-1, 0)),
    "permute 3": (ANY, lambda: leaf(3, 4, 2).permute((1, 2, 0)).reshape(4, 6)),
    "reshape": (ANY, lambda: leaf(2, 12).reshape(4, 6)),
    "view": (ANY, lambda: leaf(24).view(4, 6)),
    "flatten": (ANY, lambda: leaf(4, 2, 3).flatten(1)),
    "unflatten": (ANY, lambda: leaf(24).unflatten(0, (4, 6))),
    "squeeze": (ANY, lambda: leaf(4, 1, 6).squeeze(1)),
    "getitem": (ANY, lambda: leaf(3, 4, 6, 1)[1, ..., 0]),
    "expand": (torch.ones(4, 6) * ANY[:1], lambda: leaf(1, 6).expand(4, 6)),
    "where": (ANY, lambda: torch.where(const(MASK), leaf(4, 6), leaf(4, 6))),
    "tril": (ANY.tril(), lambda: leaf(4, 6).tril()),
    "matmul": (ANY, lambda: leaf(4, 4) @ leaf(4, 6)),
    "matmul wide": (ANY, lambda: leaf(4, 9) @ leaf(9, 6)),
    "matmul low": (ANY[:, :2] @ ANY[:2], lambda: torch.mm(leaf(4, 2), leaf(2, 6))),
    "matmul left": (ANY, lambda: leaf(4, 6) @ const(drawn(6, 6))),
    "matmul right": (ANY, lambda: const(drawn(4, 4)) @ leaf(4, 6)),
    "matmul three": (ANY, lambda: leaf(4, 5) @ leaf(5, 5) @ leaf(5, 6)),
    "matmul positive": (ANY, lambda: exp(leaf(4, 4)) @ leaf(4, 6)),
    "stack": (ANY, lambda: torch.stack([leaf(6) for _ in range(4)])),
    "stack dim": (ANY, lambda: torch.stack([leaf(4) for _ in range(6)], dim=1)),
    "cat": (ANY, lambda: torch.cat([leaf(1, 6), exp(leaf(1, 6)).log(), leaf(2, 6)])),
    "cat dim": (ANY, lambda: torch.cat([leaf(4, 2), const(ANY[:, 2:])], dim=-1)),
    "lora": (ANY, lambda: const(ANY) + leaf(4, 2) @ leaf(2, 6)),
    "nested": (POSITIVE, lambda: (2 * softplus(leaf(6, 4).T) + 0.001).reshape(2, 12).view(4, 6)),
}


@pytest.mark.parametrize("name", ROUND_TRIPS)
def test_a_matched_layer_has_the_same_value_and_trains(name):
    weight, make = ROUND_TRIPS[name]
    linear, x = layer(weight), drawn(3, 6)
    before = linear(x)

    match(linear, "weight", make())

    torch.testing.assert_close(linear.weight, weight, rtol=0, atol=1e-5 * weight.abs().max().item())
    torch.testing.assert_close(linear(x), before, rtol=1e-4, atol=1e-4)
    linear(x).square().sum().backward()
    assert any(p.grad.abs().sum() > 0 for p in linear.parameters())
    assert all(torch.isfinite(p.grad).all() for p in linear.parameters())


@pytest.mark.parametrize("name", ["exp", "softplus", "matmul", "mul gain", "pow odd"])
def test_double_precision_is_kept(name):
    weight, make = ROUND_TRIPS[name]
    weight = drawn(4, 1).double() * ANY.double() if name == "mul gain" else weight.double()
    linear, holder = layer(weight), nn.Module()
    add_param(holder, "weight", make())
    expression = remove(holder.double(), "weight", keep="leaves")

    match(linear, "weight", expression)

    torch.testing.assert_close(linear.weight, weight, rtol=0, atol=1e-10)


def leaves_of(expression):
    return Program(expression).leaves


def test_half_precision_is_matched_to_what_it_has():
    weight = POSITIVE.bfloat16()
    linear = layer(weight)

    match(linear, "weight", exp(learn(4, 6, dtype=torch.bfloat16)))

    torch.testing.assert_close(linear.weight, weight, rtol=0.02, atol=0.02)


@settings(max_examples=10)
@given(st.lists(st.floats(1e-30, 1e30), min_size=1), st.sampled_from([0.5, 1.0, 7.0]))
def test_softplus_is_inverted_at_all_scales(values, beta):
    weight = torch.tensor([[*values, 1e-30, 1e30]])
    linear = layer(weight)

    match(linear, "weight", F.softplus(learn(weight.shape), beta=beta))

    torch.testing.assert_close(linear.weight.detach(), weight, rtol=1e-5, atol=0)


def test_factors_of_a_product_are_balanced():
    linear, left, right = layer(100 * ANY), learn(4, 4), learn(4, 6)

    match(linear, "weight", left @ right)

    norms = [torch.linalg.matrix_norm(p.parameter) for p in (left, right)]
    torch.testing.assert_close(norms[0], norms[1])


def test_a_product_that_is_zero_can_still_be_learnt():
    linear, left, right = layer(ANY), learn(4, 2), leaf(2, 6)
    before = right.parameter.clone()

    match(linear, "weight", const(ANY) + left @ right)

    assert torch.equal(left.parameter, torch.zeros(4, 2))
    torch.testing.assert_close(right.parameter, before)
    linear(drawn(3, 6)).sum().backward()
    assert left.parameter.grad.abs().min() > 0


def test_the_nearest_product_is_the_truncated_one():
    linear = layer(ANY)

    match(linear, "weight", learn(4, 2) @ learn(2, 6), nearest=True)

    u, s, v = torch.linalg.svd(ANY, full_matrices=False)
    torch.testing.assert_close(linear.weight, u[:, :2] * s[:2] @ v[:2])


SQUARES = {
    "w w'": (lambda w: w @ w.T, (5, 5)),
    "w w' thin": (lambda w: w @ w.T, (5, 2)),
    "w w' wide": (lambda w: w @ w.T, (5, 8)),
    "w' w": (lambda w: w.T @ w, (5, 5)),
    "w' w thin": (lambda w: w.mT @ w, (2, 5)),
    "turned": (lambda w: w.T @ w.T.T, (2, 5)),
    "transpose": (lambda w: torch.matmul(w, w.transpose(0, 1)), (5, 3)),
    "mm t": (lambda w: w.mm(torch.t(w)), (5, 3)),
    "of a parameter": (lambda w: learn(w.parameter) @ learn(w.parameter).T, (5, 5)),
}


@pytest.mark.parametrize("name", SQUARES)
def test_a_leaf_times_its_own_transpose_is_recognised(name):
    make, shape = SQUARES[name]
    side = ANY[0].new_zeros(5, min(5, *shape)) + drawn(5, min(5, *shape))
    linear = layer(side @ side.T)

    match(linear, "weight", make(leaf(*shape)))

    torch.testing.assert_close(linear.weight, side @ side.T, rtol=0, atol=1e-4)


def test_a_leaf_plus_or_minus_its_own_transpose_is_found():
    whole = drawn(5, 5)
    even, odd = layer(whole + whole.T), layer(whole - whole.T)
    w, v = leaf(5, 5), leaf(5, 5)

    match(even, "weight", w + w.T)
    match(odd, "weight", v - v.T)

    torch.testing.assert_close(even.weight, whole + whole.T)
    torch.testing.assert_close(odd.weight, whole - whole.T)


def test_where_a_mask_is_zero_the_leaf_stays():
    linear, w = layer(ANY * MASK), leaf(4, 6)
    before = w.parameter.clone()

    match(linear, "weight", const(MASK) * w)

    assert torch.equal(w.parameter[~MASK], before[~MASK])


@pytest.mark.parametrize("make", [F.relu, torch.abs, torch.square, exp, softplus])
def test_a_zero_is_moved_to_where_it_can_be_learnt(make):
    weight = POSITIVE.clone()
    weight[1, 2] = 0
    linear = layer(weight)

    match(linear, "weight", make(leaf(4, 6)))

    assert linear.weight[1, 2] > 0
    linear.weight.sum().backward()
    assert next(linear.parameters()).grad[1, 2] > 0


def error_of(weight, expression, **settings):
    """Return what match says, having seen that it changed nothing."""
    linear, leaves = layer(weight, bias=True), leaves_of(expression)
    parameters = [one.parameter for one in leaves if hasattr(one, "parameter")]
    before = [parameter.clone() for parameter in parameters]
    kind, own = type(linear), linear.weight
    with pytest.raises((ExpressionError, ShapeError)) as caught:
        match(linear, "weight", expression, **settings)
    assert type(linear) is kind
    assert linear.weight is own
    assert torch.equal(own, weight)
    assert all(torch.equal(*pair) for pair in zip(parameters, before, strict=True))
    return str(caught.value)


FAR = "the nearest found is {} away at an entry, nearest=True takes it"
NO = "Linear.weight: {} cannot have the layer's value: {}"


@pytest.mark.parametrize(
    ("make", "entry", "reason"),
    [
        (exp, -0.3, "the smallest entry is -0.3, and exp gives only values above 0"),
        (softplus, -2, "the smallest entry is -2, and softplus gives only values above 0"),
        (F.relu, -2, "the smallest entry is -2, and relu gives only values above 0"),
        (torch.abs, -2, "the smallest entry is -2, and abs gives only values above 0"),
        (torch.sigmoid, 3, "the largest entry is 3, and sigmoid gives only values below 1"),
        (torch.tanh, -3, "the smallest entry is -3, and tanh gives only values above -1"),
    ],
)
def test_a_value_out_of_range_is_told(make, entry, reason):
    weight = torch.full((3, 4), 0.5)
    weight[1, 1] = entry

    said = error_of(weight, make(leaf(3, 4)))

    assert said.startswith(f"Linear.weight: {make.__name__}(learn(3, 4)")
    assert f" cannot have the layer's value: {reason}; the nearest found is " in said
    assert said.endswith("away at an entry, nearest=True takes it")


def test_a_value_out_of_range_inside_names_the_call():
    said = error_of(torch.full((1, 1), 0.5), exp(leaf(1, 1)) * 2 + 1.5)

    assert said == NO.format(
        "(exp(learn(1, 1)) * 2) + 1.5",
        "the smallest entry of exp(learn(1, 1)) would be -0.5, and exp gives only values above 0; "
        + FAR.format("1"),
    )


def test_a_rank_that_does_not_suffice_is_told():
    said = error_of(torch.diag(torch.tensor([3.0, 2.0, 1.0])), leaf(3, 2) @ leaf(2, 3))

    assert said == NO.format("learn(3, 2) @ learn(2, 3)", FAR.format("1"))


def test_a_negative_eigenvalue_is_told():
    w = leaf(2, 2)

    said = error_of(torch.diag(torch.tensor([3.0, -2.0])), w @ w.T)

    reasons = "the smallest eigenvalue is -2; " + FAR.format("2")
    assert said == NO.format("learn(2, 2) @ learn(2, 2).T", reasons)


def test_a_function_without_a_known_inverse_is_told():
    said = error_of(ANY, leaf(4, 6).cumsum(0))

    reason = "no inverse of cumsum is known: register one by inverse_of"
    assert said == NO.format("cumsum(learn(4, 6), 0)", reason)


def test_a_product_with_a_vector_is_told():
    vector = leaf(6) @ const(drawn(6, 6))

    said = error_of(torch.ones(1, 6), vector[None])

    assert said.endswith("no inverse of a product with a vector is known: use a matrix")


def test_an_attribute_without_a_known_inverse_is_told():
    assert error_of(ANY, leaf(4, 6).real).endswith("no inverse of .real is known")


def test_a_value_that_would_not_be_finite_is_told():
    said = error_of(torch.full((1, 1), 2.0), 0 / leaf(1, 1).square())

    assert "cannot have the layer's value" in said


def test_an_expression_without_leaves_of_its_own_is_told():
    frozen = learn(4, 6, trainable=False)
    other = nn.Linear(6, 4)

    for expression in (const(-ANY) + 0, frozen * 2, ref(other, "weight") * 1, const(-ANY)):
        for nearest in (False, True):
            said = error_of(ANY, expression, nearest=nearest)
            assert "it has no leaf that match may set; the nearest found is" in said
            assert not said.endswith("takes it")


def test_a_leaf_that_is_learnt_elsewhere_is_not_changed():
    other, third = nn.Linear(6, 4), nn.Linear(6, 4)
    shared = learn(4, 6)
    set_param(third, "weight", exp(shared))

    for expression in (learn(other.weight) * 2, learn(other.weight), learn(third_leaf(third))):
        said = error_of(ANY, expression)
        assert "learn(4, 6) is learnt by Linear.weight too and is not changed; the near" in said


def third_leaf(module):
    return get_params(module)[0]


def test_the_other_leaves_are_set_round_one_that_is_learnt_elsewhere():
    other = nn.Linear(4, 4)
    before = other.weight.clone()
    linear = layer(ANY)

    match(linear, "weight", learn(other.weight) @ leaf(4, 6))

    assert torch.equal(other.weight, before)
    torch.testing.assert_close(linear.weight, ANY, rtol=0, atol=1e-4)
    assert get_params(linear)[0] is other.weight


def test_a_module_that_was_thrown_away_learns_nothing():
    shared = leaf(4, 6)
    gone = nn.Linear(6, 4)
    set_param(gone, "weight", exp(shared))
    gone.itself = [gone]
    gc.disable()
    try:
        del gone
        linear = layer(POSITIVE)
        match(linear, "weight", exp(shared))
    finally:
        gc.enable()

    torch.testing.assert_close(linear.weight, POSITIVE)


def test_a_refused_leaf_can_be_used_again():
    linear, w = layer(POSITIVE), leaf(6, 4)
    with pytest.raises(ShapeError, match=r"the layer needs \(4, 6\); did you forget .T\?") as kept:
        match(linear, "weight", exp(w))

    match(linear, "weight", exp(w).T)

    torch.testing.assert_close(linear.weight, POSITIVE)
    assert kept.value


def test_the_parameter_itself_may_become_the_leaf():
    linear = layer(POSITIVE)
    own = linear.weight
    optimizer = torch.optim.SGD(linear.parameters(), lr=0.1)

    match(linear, "weight", exp(learn(own)))

    assert get_params(linear) == [own]
    torch.testing.assert_close(own, POSITIVE.log())
    linear(drawn(2, 6)).sum().backward()
    optimizer.step()
    assert not torch.allclose(linear.weight, POSITIVE)


def test_the_parameter_itself_is_as_it_was_when_refused():
    linear = layer(-POSITIVE)
    own = linear.weight

    with pytest.raises(ExpressionError, match="the smallest entry is"):
        match(linear, "weight", exp(learn(own)))

    assert linear.weight is own
    assert torch.equal(own, -POSITIVE)


def test_an_expression_can_be_exchanged_for_another_of_the_same_leaf():
    linear, w = layer(POSITIVE), leaf(4, 6)
    match(linear, "weight", exp(w))

    match(linear, "weight", softplus(w))

    torch.testing.assert_close(linear.weight, POSITIVE)
    assert repr(get_expression(linear, "weight")) == "softplus(learn(4, 6))"


def test_leaves_are_as_they_were_when_the_module_refuses_at_last():
    linear, w = layer(POSITIVE), leaf(4, 6)
    before = w.parameter.clone()
    linear.weight_expr = nn.Identity()

    with pytest.raises(ExpressionError, match="weight_expr is taken"):
        match(linear, "weight", exp(w))

    assert torch.equal(w.parameter, before)


def test_what_cannot_be_matched_is_refused():
    linear, norm = nn.Linear(6, 4, bias=False), nn.BatchNorm1d(3)
    with pytest.raises(ExpressionError, match="Linear.bias is None and has no value to match"):
        match(linear, "bias", learn(4))
    with pytest.raises(ExpressionError, match="match takes an expression, got a Tensor"):
        match(linear, "weight", torch.ones(4, 6))
    with pytest.raises(ExpressionError, match="num_batches_tracked is torch.int64: whole numbers"):
        match(norm, "num_batches_tracked", learn())
    with pytest.raises(ExpressionError, match="no parameter 'wieght': did you mean 'weight'"):
        match(linear, "wieght", learn(4, 6))
    with pytest.raises(ExpressionError, match="cycle: Linear.weight -> Linear.weight"):
        match(linear, "weight", ref(linear, "weight") * learn(4, 6))
    with pytest.raises(ExpressionError, match="expression is torch.float64, the layer needs"):
        match(linear, "weight", learn(4, 6, dtype=torch.float64))
    linear.weight.data[0, 0] = float("nan")
    with pytest.raises(ExpressionError, match="Linear.weight has no finite value to match"):
        match(linear, "weight", learn(4, 6))


def test_paths_tags_and_buffers_are_taken():
    net, held = nn.Sequential(layer(POSITIVE)), nn.Module()
    held.register_buffer("window", torch.ones(3))

    match(net, "0.weight", exp(leaf(4, 6)), regularizable=False)
    match(held, "window", softplus(leaf(3)))

    assert len(get_params(net, regularizable=True)) == 0
    torch.testing.assert_close(held.window, torch.ones(3))


def test_a_matched_module_is_copied_and_pickled():
    linear = layer(ANY)
    match(linear, "weight", learn(4, 4) @ learn(4, 6))

    for other in (copy.deepcopy(linear), pickle.loads(pickle.dumps(linear))):
        assert torch.equal(other.weight, linear.weight)


def test_a_convolution_is_matched_and_goes_on_learning():
    torch.manual_seed(0)
    conv, x = nn.Conv1d(6, 8, 3), torch.randn(4, 6, 20)
    before, goal = conv(x).detach(), torch.randn(4, 8, 18)

    match(conv, "weight", (learn(8, 8) @ learn(8, 18)).unflatten(1, (6, 3)))
    start = (conv(x) - goal).square().mean()
    torch.testing.assert_close(conv(x), before, rtol=0, atol=1e-5)
    optimizer = torch.optim.Adam(conv.parameters(), lr=0.01)
    for _ in range(50):
        optimizer.zero_grad()
        (conv(x) - goal).square().mean().backward()
        optimizer.step()

    assert (conv(x) - goal).square().mean() < 0.9 * start


def shifted(x: Tensor, by: Tensor, sign: float = 1.0) -> Tensor:
    return x + sign * by


def spoilt(x: Tensor) -> Tensor:
    return x


def test_rules_of_ones_own_are_asked_until_all_is_set():
    asked = []

    @inverse_of(shifted)
    def rule(target, args, free):
        asked.append(list(free))
        assert args.get("sign", 2, 1.0) == -1.0
        return [target, torch.zeros(4, 6), None]

    linear = layer(ANY)
    match(linear, "weight", expr(shifted, leaf(4, 6), leaf(4, 6), sign=-1.0))

    assert asked == [[True, True, False], [False, True, False]]


@pytest.mark.parametrize("answer", [None, torch.zeros(2)])
def test_a_rule_that_answers_wrongly_is_told(answer):
    inverse_of(spoilt)(lambda target, args, free: [answer])

    assert error_of(ANY, expr(spoilt, leaf(4, 6))).endswith(
        "no inverse is known that sets learn(4, 6)"
    )


def test_a_rule_may_say_why_not():
    @inverse_of(spoilt)
    def rule(target, args, free):
        raise ExpressionError("the moon is full")

    assert error_of(ANY, expr(spoilt, leaf(4, 6))).endswith(
        "cannot have the layer's value: the moon is full"
    )


class Memory(nn.Module):
    """Keeps what it was last inverted at, as geotorch's manifolds do."""

    def __init__(self):
        super().__init__()
        self.register_buffer("base", torch.zeros(4, 6))

    def forward(self, x):
        return x + self.base


def remembering(module, x):
    return module(x)


def test_modules_that_are_called_are_as_they_were_when_refused():
    @inverse_of(remembering)
    def rule(target, args, free):
        args[0].base.copy_(target)
        return [None, torch.zeros(4, 6)]

    memory = Memory()
    part = expr(memory, learn(4, 6)).args[0]
    good, bad = layer(POSITIVE), layer(-POSITIVE)

    with pytest.raises(ExpressionError, match="the smallest entry of"):
        match(bad, "weight", exp(leaf(4, 6)) + 0 * expr(remembering, part, leaf(4, 6)))
    assert torch.equal(memory.base, torch.zeros(4, 6))

    match(good, "weight", expr(remembering, part, leaf(4, 6)))
    assert torch.equal(good.weight, POSITIVE)


def test_operators_and_functions_have_the_same_rules():
    pairs = [(operator.add, torch.add), (operator.sub, torch.sub), (operator.mul, torch.mul)]
    pairs += [(operator.truediv, torch.div), (operator.pow, torch.pow), (torch.exp, Tensor.exp)]
    for one, other in pairs:
        assert inverse_for(one) is not None
        assert inverse_for(one) == inverse_for(other)


def test_learn_like_starts_a_leaf_that_is_then_set():
    linear = layer(POSITIVE)

    match(linear, "weight", exp(learn_like(linear.weight)))

    torch.testing.assert_close(linear.weight, POSITIVE)
