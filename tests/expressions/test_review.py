"""What a review found: mistakes that went by without a word, each held by a test."""

import copy
import threading

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call

from typica.core.errors import ExpressionError
from typica.expressions import (
    cached,
    check_optimizer,
    checked,
    const,
    exp,
    expr,
    get_params,
    learn,
    learn_like,
    low_rank,
    masked,
    normal,
    ref,
    remove,
    retie,
    set_param,
    with_params,
)


def positive_layer():
    layer = nn.Linear(3, 3)
    set_param(layer, "weight", exp(learn(3, 3)))
    return layer


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_what_is_baked_without_gradients_is_trained_with_them(mode):
    layer = positive_layer()

    with mode():
        remove(layer, "weight")

    assert layer.weight.requires_grad
    layer(torch.rand(1, 3)).sum().backward()


@pytest.mark.parametrize("turn", [lambda w: w.T, lambda w: w.reshape(3, 3), lambda w: w[:, :]])
def test_a_change_of_a_view_of_a_temporary_is_found_out(turn):
    layer = nn.Linear(3, 3)
    set_param(layer, "weight", turn(exp(learn(3, 3))))

    with pytest.raises(ExpressionError, match="you changed a temporary"), checked(layer):
        nn.init.zeros_(layer.weight)
    with cached(layer):
        nn.init.zeros_(layer.weight)
        with pytest.raises(ExpressionError, match="you changed a temporary"):
            _ = layer.weight


def test_a_view_of_a_leaf_may_change_with_it():
    layer, other = nn.Linear(3, 3), nn.Linear(3, 3)
    set_param(layer, "weight", ref(other, "weight").T)

    with checked(layer), torch.no_grad():
        _ = layer.weight
        other.weight.zero_()
        assert layer.weight.eq(0).all()


def test_a_replaced_parameter_may_be_the_leaf_of_what_replaces_it():
    net = nn.Sequential(nn.Linear(3, 3))

    changed = with_params(net, {"0.weight": exp(learn(net[0].weight))})
    changed(torch.rand(1, 3)).sum().backward()

    assert net[0].weight.grad is not None
    assert get_params(changed, regularizable=True) == [net[0].weight]


def test_work_in_place_is_refused_in_all_its_guises():
    w = learn(3, 3)

    with pytest.raises(ExpressionError, match="relu works in place"):
        F.relu(w, inplace=True)
    with pytest.raises(ExpressionError, match="ReLU works in place"):
        expr(nn.ReLU(inplace=True), w)
    with pytest.raises(ExpressionError, match="works in place"):
        torch.zeros(3, 3)[0] = learn(3)


def test_caches_of_two_threads_end_in_any_order():
    layer = positive_layer()
    entered, leave = threading.Event(), threading.Event()

    def other():
        with cached(layer):
            entered.set()
            leave.wait(30)

    thread = threading.Thread(target=other)
    with cached(layer):
        thread.start()
        entered.wait(30)
    assert len(layer.weight_expr.readers) == 1
    leave.set()
    thread.join()

    assert layer.weight_expr.readers == []
    assert layer.weight is not layer.weight


def test_leaves_replaced_by_hand_stay_when_ties_are_made_anew():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    scale, mask = learn(3, 1, name="scale"), const(torch.ones(3, 3), name="mask")
    set_param(model[1], "weight", scale * mask * ref(model[0], "weight").T)
    fresh = nn.Parameter(torch.zeros(3, 1))

    model[1].weight_expr.scale = fresh
    model[1].weight_expr.mask = torch.zeros(3, 3)
    retie(model)
    set_param(model[0], "weight", exp(learn(3, 3)))

    assert model[1].weight_expr.scale is fresh
    assert model[1].weight_expr.mask.eq(0).all()


def test_circles_through_called_modules_are_shown():
    target, hyper = nn.Linear(3, 3), nn.Linear(3, 3)
    set_param(hyper, "weight", ref(target, "weight") * 2)

    with pytest.raises(ExpressionError, match="cycle: Linear.weight -> Linear.weight"):
        set_param(target, "weight", expr(hyper, torch.eye(3)))
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    with pytest.raises(ExpressionError, match=r"cycle: Linear\.weight -> Linear\.weight"):
        set_param(net[0], "weight", expr(net, torch.eye(3)))


def make(module, x):
    return module(x)


def scaled(leaves):
    return leaves["a"] * leaves["b"]


def test_parameters_are_found_wherever_they_stand_among_the_arguments():
    hyper, scale = nn.Linear(3, 3), nn.Parameter(torch.ones(3, 1))

    one, two, three = (nn.Linear(3, 3) for _ in range(3))
    set_param(one, "weight", expr(hyper.forward, torch.eye(3)))
    set_param(two, "weight", expr(make, hyper, torch.eye(3)))
    set_param(three, "weight", expr(scaled, {"a": scale, "b": learn(3, 3)}))

    assert len(get_params(one)) == len(get_params(two)) == len(get_params(three)) == 3
    assert copy.deepcopy(one).weight_expr.part0 is not hyper


def test_comparisons_are_expressions_too():
    w = learn(torch.tensor([0.0, 1.0, 2.0]))

    assert torch.equal((w * (w != 0)).value(), w.parameter)
    assert torch.equal(((w == 1) | (w == 2)).value(), torch.tensor([False, True, True]))
    assert torch.equal((~(w > 0) & (w <= 0)).value(), torch.tensor([True, False, False]))
    assert torch.equal((w % 2 + w // 2).value(), torch.tensor([0.0, 1.0, 1.0]))
    assert len({w, w}) == 1


def test_ready_made_weights_start_at_a_parameter_and_are_not_tied_to_it():
    other = nn.Linear(3, 3)

    leaves = get_params_of(masked(other.weight, torch.eye(3)))

    assert not any(leaf is other.weight for leaf in leaves)


def get_params_of(expression):
    layer = nn.Linear(3, 3)
    set_param(layer, "weight", expression)
    return get_params(layer)


def test_what_was_frozen_by_its_expression_is_freed_by_it():
    layer, w = nn.Linear(3, 3), learn(3, 3)

    set_param(layer, "weight", w * 1, trainable=False)
    assert not w.parameter.requires_grad
    set_param(layer, "weight", w * 1, trainable=True)
    assert w.parameter.requires_grad


def test_torchs_own_flag_decides_what_is_trainable():
    layer = nn.Linear(3, 3)
    set_param(layer, "weight", torch.ones(3, 3), trainable=True)

    layer.weight.requires_grad_(False)

    assert get_params(layer, trainable=False) == [layer.weight]


def test_parts_keep_their_own_tags():
    layer, hyper = nn.Linear(3, 3), nn.Linear(3, 3)
    set_param(hyper, "weight", hyper.weight, hyper=True)
    set_param(layer, "weight", expr(hyper, torch.eye(3)), slow=True)

    assert any(p is hyper.bias for p in get_params(layer, regularizable=False, slow=True))
    assert get_params(layer, hyper=True) == [hyper.weight]


def test_buffers_with_tags_are_found_by_them():
    norm = nn.BatchNorm1d(3)

    set_param(norm, "running_mean", torch.zeros(3), statistic=True)

    assert get_params(norm, statistic=True) == [norm.running_mean]
    assert len(get_params(norm, trainable=True)) == 2


def test_a_tag_is_true_or_false_and_checked_first():
    layer = nn.Linear(3, 3)

    with pytest.raises(ExpressionError, match="tag 'trainable' must be True or False, got 'yes'"):
        set_param(layer, "weight", exp(learn(3, 3)), trainable="yes")
    assert type(layer) is nn.Linear


def test_whole_numbers_are_buffers_or_refused():
    norm = nn.BatchNorm1d(3)

    set_param(norm, "num_batches_tracked", 5)

    assert norm.num_batches_tracked.item() == 5
    with pytest.raises(ExpressionError, match="whole numbers .* cannot be learnt: use const"):
        learn(torch.arange(3))
    with pytest.raises(
        ExpressionError, match=r"learn takes sizes, or an initial value .* got 3\.5"
    ):
        learn(3.5)


def failing(x):
    raise KeyError("nothing here")


def test_any_error_of_a_function_is_named_with_its_expression():
    message = r"Linear\.weight: failing\(learn\(3, 3\)\) cannot be evaluated: 'nothing here'"

    with pytest.raises(ExpressionError, match=message):
        set_param(nn.Linear(3, 3), "weight", expr(failing, learn(3, 3)))


def test_what_an_initialiser_draws_takes_the_type_of_the_parameter():
    layer = nn.Linear(3, 3).double()

    set_param(layer, "weight", normal(0, 1))

    assert layer.weight.dtype == torch.float64


@pytest.mark.parametrize("blocks", [(checked, checked), (checked, cached), (cached, checked)])
def test_a_check_sees_layers_of_two_steps_and_what_a_cache_holds(blocks):
    layer = nn.Linear(12, 12)
    set_param(layer, "weight", low_rank(layer.weight, 2))
    layer.weight_expr.left.data.fill_(float("nan"))

    with pytest.raises(ExpressionError, match="is not finite"), blocks[0](layer), blocks[1](layer):
        layer(torch.rand(1, 12))


def test_leaves_are_not_taken_from_under_those_who_refer_to_them():
    one, two = positive_layer(), nn.Linear(3, 3)
    set_param(two, "weight", ref(one, "weight").T)

    with pytest.raises(
        ExpressionError, match=r"is referred to by Linear\.weight: remove that first"
    ):
        remove(one, "weight", keep="leaves")
    remove(one, "weight")


def test_an_optimiser_that_lacks_a_leaf_is_found_out():
    layer = positive_layer()
    optimizer = torch.optim.SGD([layer.bias], 0.1)

    with pytest.raises(ExpressionError, match="holds 0 .* it lacks weight_expr.leaf0"):
        check_optimizer(optimizer, layer)


def test_a_constant_does_not_follow_its_tensor():
    tensor = torch.ones(2)
    constant = const(tensor)

    tensor.zero_()

    assert torch.equal(constant.tensor, torch.ones(2))


def test_two_references_to_one_place_are_one():
    layer, other = nn.Linear(3, 3), nn.Linear(3, 3)

    set_param(layer, "weight", ref(other, "weight") + ref(other, "weight"))

    assert [name for name, _ in layer.named_parameters()] == ["bias", "weight_expr.ref0"]


def test_untied_calls_with_other_parameters_are_possible():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    set_param(model[1], "weight", ref(model[0], "weight").T)
    fresh = {"1.weight_expr.ref0": nn.Parameter(torch.zeros(3, 3))}

    called = functional_call(model, fresh, (torch.rand(2, 3),), tie_weights=False)

    assert torch.equal(called, model[1].bias.expand(2, 3))
    assert model[1].weight_expr.ref0 is model[0].weight


def test_a_value_under_autocast_is_not_that_without():
    layer = nn.Linear(3, 3)
    set_param(layer, "weight", learn(3, 2) @ learn(2, 3))

    with cached(layer):
        assert layer.weight.dtype == torch.float32
        with torch.autocast("cpu", torch.bfloat16):
            assert layer.weight.dtype == torch.bfloat16
        assert layer.weight.dtype == torch.float32


def test_learn_like_a_computed_weight_starts_at_its_value():
    layer = positive_layer()

    assert torch.equal(learn_like(layer.weight).parameter, layer.weight)
