import pytest
import torch
from torch import nn

from typica.core.errors import ExpressionError
from typica.expressions import (
    const,
    exp,
    expr,
    get_params,
    learn,
    learn_like,
    param_groups,
    penalty,
    ref,
    set_param,
    with_params,
)


def same(found, expected):
    return len(found) == len(expected) and all(a is b for a, b in zip(found, expected, strict=True))


def test_leaves_come_once_each_depth_first_from_left_to_right():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    a, b, c = (learn(3, 3) for _ in "abc")
    set_param(
        model[1], "weight", (b @ const(torch.eye(3))) * (exp(a) + ref(model[0], "weight") + b)
    )
    set_param(model[0], "bias", torch.ones(3) * c.sum(0))

    expected = [
        *(model[0].weight, c.parameter),
        *(b.parameter, a.parameter, model[1].bias),
    ]

    assert same(get_params(model), expected)
    # What is reached twice stands where it was reached first.
    assert same(get_params(model[1]), [b.parameter, a.parameter, model[0].weight, model[1].bias])


def test_biases_are_not_regularizable_and_frozen_parameters_not_trainable():
    model = nn.Sequential(nn.Linear(2, 2), nn.LSTM(2, 2))
    model[0].weight.requires_grad_(False)

    assert same(
        get_params(model, trainable=True, regularizable=True),
        [model[1].weight_ih_l0, model[1].weight_hh_l0],
    )
    assert same(get_params(model, trainable=False), [model[0].weight])
    assert same(
        get_params(model, regularizable=False),
        [model[0].bias, model[1].bias_ih_l0, model[1].bias_hh_l0],
    )


def test_several_tags_are_joined_by_and():
    layer = nn.Linear(2, 2)
    set_param(layer, "weight", torch.ones(2, 2), slow=True)
    set_param(layer, "bias", torch.ones(2), slow=True, statistic=True)

    assert same(get_params(layer, slow=True), [layer.weight, layer.bias])
    assert same(get_params(layer, slow=True, statistic=True), [layer.bias])
    assert same(get_params(layer, slow=True, statistic=False), [layer.weight])


def test_an_unknown_tag_names_the_tags_there_are():
    layer = nn.Linear(2, 2)
    set_param(layer, "bias", 0.0, slow=True)

    with pytest.raises(ExpressionError, match="did you mean 'regularizable'"):
        get_params(layer, regularisable=True)
    with pytest.raises(ExpressionError, match="there are regularizable, slow, trainable"):
        get_params(layer, fast=False)


def test_leaves_carry_the_tags_of_the_expression_unless_they_have_their_own():
    layer = nn.Linear(3, 3)
    gain = learn(3, 1, regularizable=False, gain=True)
    direction, frozen = learn(3, 3), learn(3, 3, trainable=False)
    set_param(layer, "weight", gain * direction + frozen, slow=True)

    assert same(get_params(layer, regularizable=True), [direction.parameter, frozen.parameter])
    assert same(get_params(layer, gain=True), [gain.parameter])
    assert same(get_params(layer, slow=True, trainable=True), [gain.parameter, direction.parameter])


def test_a_leaf_of_two_expressions_is_found_by_the_tags_of_either():
    one, two = nn.Linear(2, 2), nn.Linear(2, 2)
    w = learn(2, 2)
    set_param(one, "weight", exp(w), first=True)
    set_param(two, "weight", w.T, second=True)
    model = nn.ModuleList([one, two])

    assert same(get_params(model, first=True), [w.parameter])
    assert same(get_params(model, second=True), [w.parameter])


def test_the_leaves_of_what_is_referred_to_are_found():
    one, two = nn.Linear(2, 2), nn.Linear(2, 2)
    w = learn(2, 2)
    set_param(two, "weight", ref(one, "weight").T)
    set_param(one, "weight", exp(w))

    assert same(get_params(two), [w.parameter, two.bias])


def test_an_untrainable_expression_freezes_its_own_new_leaves_alone():
    one, two = nn.Linear(2, 2), nn.Linear(2, 2)
    mine, shared = learn(2, 2), learn(2, 2)
    set_param(one, "weight", shared * 1)

    set_param(two, "weight", mine + shared + one.bias, trainable=False)

    assert not mine.parameter.requires_grad
    assert shared.parameter.requires_grad
    assert one.bias.requires_grad
    assert same(get_params(two, trainable=True), [two.bias])


def test_parameters_of_a_called_module_are_found():
    layer, part = nn.Linear(2, 2), nn.Linear(2, 2)
    set_param(layer, "weight", expr(part, learn_like(layer.weight)))

    assert same(get_params(layer)[1:3], [part.weight, part.bias]) or same(
        get_params(layer)[:2], [part.weight, part.bias]
    )


def test_unwrapped_or_as_the_layers_see_them():
    layer = nn.Linear(2, 2)
    set_param(layer, "weight", exp(learn(2, 2)))

    weight, bias = get_params(layer, unwrap=False)

    assert torch.equal(weight, layer.weight)
    assert weight.requires_grad
    assert bias is layer.bias


def test_groups_give_each_parameter_all_that_its_tags_are_told():
    layer = nn.Linear(2, 2)
    gain = learn(2, 1, slow=True)
    direction = learn(2, 2)
    set_param(layer, "weight", gain * direction)

    groups = param_groups(layer, {"regularizable": {"weight_decay": 0.1}, "slow": {"lr": 0.01}})

    assert groups == [
        {"params": [gain.parameter], "weight_decay": 0.1, "lr": 0.01},
        {"params": [direction.parameter], "weight_decay": 0.1},
        {"params": [layer.bias]},
    ]
    torch.optim.SGD(groups, lr=1.0).step()


def test_a_penalty_is_on_leaves_or_on_values():
    layer = nn.Linear(2, 2)
    set_param(layer, "weight", exp(learn(torch.full((2, 2), -2.0))))

    assert penalty(layer).item() == pytest.approx(16)
    assert penalty(layer, on="values").item() == pytest.approx(4 * torch.tensor(-4.0).exp())
    assert penalty(layer, lambda p: p.abs().sum()).item() == pytest.approx(8)
    assert penalty(layer, lambda p: p.abs().sum(), regularizable=False).item() == pytest.approx(
        layer.bias.abs().sum().item()
    )
    penalty(layer, on="values").backward()
    assert layer.weight_expr.leaf0.grad is not None
    with pytest.raises(ExpressionError, match='on must be "leaves" or "values"'):
        penalty(layer, on="both")


def test_a_module_with_other_parameters_lists_the_leaves():
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2))
    w = learn(3, 2)

    changed = with_params(model, {"0.weight": exp(w), "0.bias": learn(3) * 1})

    assert same(get_params(changed, regularizable=True), [model[1].weight, w.parameter])
    assert len(get_params(changed, trainable=True, regularizable=False)) == 2
    assert get_params(changed, trainable=False) == []
