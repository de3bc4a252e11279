import numpy as np
import pytest
import torch
from torch import nn

from typica.core.errors import ExpressionError, ShapeError
from typica.expressions import (
    add_param,
    const,
    constant,
    exp,
    get_expression,
    get_params,
    learn,
    learn_like,
    ref,
    remove,
    set_param,
    value,
)


def names(module):
    return [name for name, _ in module.named_parameters()]


def test_an_expression_stands_in_the_module_in_place():
    layer = nn.Linear(3, 4)
    leaf = learn_like(layer.weight)

    set_param(layer, "weight", exp(leaf))

    assert isinstance(layer, nn.Linear)
    assert type(layer).__name__ == "Linear"
    assert names(layer) == ["bias", "weight_expr.leaf0"]
    assert layer.weight_expr.leaf0 is leaf.parameter
    assert torch.equal(layer.weight, leaf.parameter.exp())
    assert torch.equal(value(layer, "weight"), layer.weight)
    assert get_expression(layer, "weight").args[0] is leaf
    assert "(weight_expr): exp(learn(4, 3))" in repr(layer)


def test_modules_with_the_same_expressions_share_a_class():
    one, two = nn.Linear(2, 2), nn.Linear(3, 3)
    for layer in (one, two):
        set_param(layer, "weight", exp(learn_like(layer.weight)))

    assert type(one) is type(two)


def test_leaves_are_called_what_they_were_named():
    layer = nn.Linear(3, 4)

    set_param(layer, "weight", learn(4, 1, name="gain") * const(torch.ones(4, 3), name="mask"))

    assert names(layer) == ["bias", "weight_expr.gain"]
    assert "weight_expr.mask" in layer.state_dict()
    assert dict(layer.named_buffers())["weight_expr.mask"].shape == (4, 3)


def test_a_constant_need_not_be_saved():
    layer = nn.Linear(3, 4)

    set_param(layer, "weight", learn(4, 3) * const(torch.ones(4, 3), persistent=False))

    assert "weight_expr.const0" not in layer.state_dict()


@pytest.mark.parametrize(
    "given",
    [
        2.5,
        torch.full((4, 3), 2.5),
        np.full((4, 3), 2.5),
        nn.Parameter(torch.full((4, 3), 2.5)),
        constant(2.5),
        lambda shape: np.full(shape, 2.5),
        lambda shape: learn(torch.full(shape, 2.5)) * 1,
    ],
)
def test_a_parameter_is_given_as_any_of_lasagnes_kinds(given):
    layer = nn.Linear(3, 4)

    set_param(layer, "weight", given)

    assert torch.equal(layer.weight, torch.full((4, 3), 2.5))
    assert len(get_params(layer)) == 2


def test_a_path_names_a_parameter_inside():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 3))

    set_param(model, "1.weight", ref(model, "0.weight").T)

    assert torch.equal(model[1].weight, model[0].weight.T)
    with pytest.raises(ExpressionError, match="Sequential has no '2'"):
        set_param(model, "2.weight", 1.0)


def test_an_expression_replaces_another_and_a_value_replaces_an_expression():
    layer = nn.Linear(3, 4)

    set_param(layer, "weight", exp(learn(4, 3)))
    set_param(layer, "weight", learn(4, 2) @ learn(2, 3))
    assert names(layer) == ["bias", "weight_expr.leaf0", "weight_expr.leaf1"]

    set_param(layer, "weight", 1.0)
    assert type(layer) is nn.Linear
    assert names(layer) == ["weight", "bias"]
    assert torch.equal(layer.weight, torch.ones(4, 3))


def test_a_missing_bias_can_be_given():
    layer = nn.Linear(3, 4, bias=False)

    set_param(layer, "bias", exp(learn(4)))

    assert torch.equal(layer(torch.zeros(1, 3))[0], torch.ones(4))
    with pytest.raises(ExpressionError, match="bias is None: an initialiser needs a shape"):
        set_param(nn.Linear(3, 4, bias=False), "bias", constant(0))


def test_remove_bakes_the_value_and_puts_the_order_back():
    layer, x = nn.Linear(3, 4), torch.rand(2, 3)
    set_param(layer, "weight", exp(learn_like(layer.weight)))
    set_param(layer, "bias", learn(4) * 2)
    before = layer(x)

    expression = remove(layer, "weight")
    remove(layer, "bias", keep="value")

    assert type(layer) is nn.Linear
    assert names(layer) == ["weight", "bias"]
    assert torch.equal(layer(x), before)
    assert repr(expression) == "exp(learn(4, 3))"
    assert layer.weight.requires_grad
    assert layer.weight.is_leaf


def test_remove_can_leave_nothing_so_that_the_expression_goes_elsewhere():
    one, two = nn.Linear(3, 4), nn.Linear(3, 4)
    set_param(one, "weight", exp(learn(4, 3)))

    set_param(two, "weight", remove(one, "weight", keep="leaves"))

    assert one.weight is None
    assert names(two) == ["bias", "weight_expr.leaf0"]
    with pytest.raises(ExpressionError, match=r"Linear\.bias is not computed"):
        remove(one, "bias")
    with pytest.raises(ExpressionError, match='keep must be "value" or "leaves"'):
        remove(two, "weight", keep="all")


def test_a_buffer_may_be_computed_and_becomes_one_again():
    module = nn.Module()
    module.register_buffer("window", torch.hann_window(3))
    module.register_buffer("taps", torch.ones(3))

    set_param(module, "window", exp(learn(3)))
    module.window.sum().backward()
    assert module.window_expr.leaf0.grad is not None

    remove(module, "window")
    assert list(dict(module.named_buffers())) == ["window", "taps"]


def test_a_new_parameter_can_be_added():
    module = nn.Module()

    add_param(module, "scale", exp(learn(3)), statistic=True)
    add_param(module, "shift", 2.0, shape=(3,))
    add_param(module, "drawn", constant(1.0), (2, 2), regularizable=False)

    assert torch.equal(module.scale * module.shift, torch.full((3,), 2.0))
    assert module.drawn.shape == (2, 2)
    assert len(get_params(module, statistic=True)) == 1
    with pytest.raises(ExpressionError, match="cannot have a new parameter 'scale'"):
        add_param(module, "scale", 1.0)


def test_resetting_a_computed_weight_is_refused():
    layer = nn.Linear(3, 4)
    set_param(layer, "weight", exp(learn(4, 3)))

    with pytest.raises(ExpressionError, match=r"Linear\.weight is computed.*initialise its leaves"):
        layer.reset_parameters()

    remove(layer, "weight")
    layer.reset_parameters()


def test_assignment_names_remove():
    layer = nn.Linear(3, 4)
    set_param(layer, "weight", exp(learn(4, 3)))
    message = (
        r"Linear\.weight is computed by exp.*use set_param, or remove\(module, 'weight'\) first"
    )

    with pytest.raises(ExpressionError, match=message):
        layer.weight = nn.Parameter(torch.zeros(4, 3))
    with pytest.raises(ExpressionError, match=message):
        layer.weight = torch.zeros(4, 3)


def test_an_error_in_a_function_is_not_taken_for_a_missing_parameter():
    layer = nn.Linear(2, 2)
    flag = []

    def broken(x):
        return x.nonsense if flag else x

    from typica.expressions import expr

    set_param(layer, "weight", expr(broken, learn(2, 2)))
    flag.append(1)

    with pytest.raises(ExpressionError, match=r"Linear\.weight:.*no attribute 'nonsense'"):
        _ = layer.weight


def test_a_refused_expression_leaves_the_module_as_it_was():
    layer = nn.Linear(4, 5)
    before = layer.weight

    with pytest.raises(ShapeError):
        set_param(layer, "weight", learn(4, 5))

    assert layer.weight is before
    assert type(layer) is nn.Linear
    assert names(layer) == ["weight", "bias"]
    assert not hasattr(layer, "weight_expr")
