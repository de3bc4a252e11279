import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize, prune

from typica.core.errors import ExpressionError, ShapeError
from typica.expressions import (
    add_param,
    cached,
    check_optimizer,
    checked,
    const,
    exp,
    expr,
    learn,
    learn_like,
    ref,
    set_param,
    with_params,
)


def refused(message, layer, name, value):
    with pytest.raises((ExpressionError, ShapeError), match=message):
        set_param(layer, name, value)


def test_a_wrong_shape_is_named_with_the_right_one():
    layer = nn.Linear(5, 4)

    refused(
        r"^Linear\.weight: expression gives \(5, 4\), the layer needs \(4, 5\);"
        r" did you forget \.T\?$",
        layer,
        "weight",
        learn(5, 4),
    )
    refused(r"gives \(4, 4\), the layer needs \(4, 5\)$", layer, "weight", learn(4, 4))
    refused(r"gives \(3,\), the layer needs \(4,\)", layer, "bias", torch.zeros(3))


def test_an_unknown_name_gets_its_neighbour():
    refused("Linear has no parameter 'wieght': did you mean 'weight'", nn.Linear(2, 2), "wieght", 1)


def test_what_is_no_module_or_no_name_is_refused():
    layer = nn.Linear(2, 2)

    refused(r"got a Parameter and a str: give the module, and the name", layer.weight, "T", 1)
    refused(r"got a Linear and a Parameter: give the module", layer, layer.weight, 1)
    with pytest.raises(ExpressionError, match="got a Parameter and a str: give the module"):
        ref(layer.weight, "T")


def test_a_snapshot_is_refused():
    layer = nn.Linear(2, 2)

    refused(
        r"Linear\.weight: got a tensor with a grad_fn.*snapshot", layer, "weight", layer.weight * 2
    )


def test_a_cycle_is_shown():
    a, b = nn.Linear(2, 2), nn.Bilinear(2, 2, 2)
    set_param(b, "bias", ref(a, "bias") * 2)

    refused(
        r"^cycle: Linear\.bias -> Bilinear\.bias -> Linear\.bias; learn\(bias\)",
        a,
        "bias",
        ref(b, "bias") + 1,
    )
    refused(r"cycle: Linear\.weight -> Linear\.weight", a, "weight", exp(ref(a, "weight")))
    set_param(a, "weight", exp(learn(a.weight)))  # what the message proposes


def test_a_lazy_module_must_be_materialised():
    refused(r"LazyLinear\.weight is lazy.*materialise it", nn.LazyLinear(3), "weight", 1.0)
    with pytest.raises(ExpressionError, match=r"ref: LazyLinear\.weight is lazy.*materialise it"):
        ref(nn.LazyLinear(3), "weight")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_scripted_module_is_refused():
    scripted = torch.jit.script(nn.Linear(2, 2))

    refused("scripted.*use torch.compile or torch.export", scripted, "weight", learn(2, 2))
    with pytest.raises(ExpressionError, match="a scripted module takes no other parameters"):
        with_params(scripted, {"weight": learn(2, 2)})


@pytest.mark.filterwarnings("ignore")
def test_a_quantised_module_is_refused():
    packed = torch.ao.nn.quantized.Linear(2, 2)

    refused("quantised, its weight is packed", packed, "weight", learn(2, 2))


def test_a_sharded_module_is_refused():
    class FSDPModule:  # the class that torch's fully_shard mixes in
        pass

    class Sharded(FSDPModule, nn.Linear):
        pass

    refused(
        "sharded by FSDP, which expressions do not support: use DDP", Sharded(2, 2), "weight", 1
    )


def test_other_mechanisms_are_named():
    layer, normed = nn.Linear(2, 2), nn.Linear(2, 2)
    parametrize.register_parametrization(layer, "weight", nn.Tanh())
    with pytest.warns(FutureWarning):
        nn.utils.weight_norm(normed)

    refused(
        "has a torch parametrization, of weight: .*remove_parametrizations",
        layer,
        "weight",
        learn(2, 2),
    )
    refused("old weight norm: remove_weight_norm first", normed, "weight", learn(2, 2))
    refused(
        r"Embedding\.weight: max_norm would change a computed weight in place",
        nn.Embedding(3, 2, max_norm=1.0),
        "weight",
        learn(3, 2),
    )
    refused(
        r"BatchNorm1d\.running_mean: training would change a computed statistic in place",
        nn.BatchNorm1d(3),
        "running_mean",
        learn(3),
    )


def test_a_parameter_of_ones_own_beside_statistics_is_none():
    class Offset(nn.BatchNorm1d):
        def __init__(self, features):
            super().__init__(features)
            self.offset = nn.Parameter(torch.zeros(features))

        def forward(self, input):
            return super().forward(input) + self.offset

    layer = Offset(3)
    set_param(layer, "offset", exp(learn(3)))
    add_param(layer, "gain", exp(learn(3)))

    layer(torch.rand(4, 3)).sum().backward()

    assert torch.equal(layer.gain, torch.ones(3))
    assert layer.offset_expr.leaf0.grad is not None


@pytest.mark.filterwarnings("ignore")
def test_torchs_tools_that_change_weights_leave_a_computed_one_as_it_is():
    layer, norm = nn.Linear(2, 2), nn.BatchNorm1d(2)
    set_param(layer, "weight", exp(learn_like(layer.weight)))
    model, before = nn.Sequential(layer, nn.Linear(2, 2)), layer.weight

    with pytest.raises((KeyError, TypeError)):
        prune.l1_unstructured(layer, "weight", 0.5)
    with pytest.raises(KeyError):
        nn.utils.weight_norm(layer)
    with pytest.raises(ExpressionError, match=r"cannot be assigned: .*remove\(module, 'weight'\)"):
        nn.utils.fusion.fuse_linear_bn_eval(layer.eval(), norm.eval())
    quantised = torch.ao.quantization.quantize_dynamic(model, {nn.Linear})

    assert isinstance(quantised[1], torch.ao.nn.quantized.dynamic.Linear)
    assert type(quantised[0]) is type(layer)
    assert torch.equal(layer.weight, before)


def test_leaves_on_different_devices_are_named():
    refused(
        r"leaves lie on different devices: leaf0 on cpu, leaf1 on meta",
        nn.Linear(2, 2),
        "weight",
        learn(2, 2) + learn(2, 2, device="meta"),
    )
    refused(
        "expression lies on meta, the layer on cpu: .*move the model after",
        nn.Linear(2, 2),
        "weight",
        learn(2, 2, device="meta") * 1,
    )


def test_what_is_no_real_tensor_is_refused():
    layer = nn.Linear(2, 2)

    refused(
        "expression gives a QRResult|a qr, not a tensor|not a tensor",
        layer,
        "weight",
        torch.linalg.qr(learn(2, 2)),
    )
    refused("expression is complex", layer, "weight", torch.fft.fft(learn(2, 2)))
    refused(
        "expression is torch.float64, the layer needs torch.float32",
        layer,
        "weight",
        learn(2, 2).double(),
    )
    refused(
        r"learn\(2, 3\) @ learn\(2, 3\) cannot be evaluated: mat1 and mat2",
        layer,
        "weight",
        learn(2, 3) @ learn(2, 3),
    )
    refused(
        "got a str; give a number, a tensor, an initialiser or an expression",
        layer,
        "weight",
        "zeros",
    )


def test_a_first_value_that_is_not_finite_is_warned_of():
    with pytest.warns(UserWarning, match=r"Linear\.weight: expression is not finite"):
        set_param(nn.Linear(2, 2), "weight", torch.log(learn(torch.zeros(2, 2))))


def test_a_taken_name_is_refused():
    layer = nn.Linear(2, 2)
    layer.weight_expr = 1

    refused("weight_expr is taken", layer, "weight", learn(2, 2) * 1)
    refused(
        "two|cannot be named 'w': it is taken",
        layer,
        "bias",
        learn(2, name="w") + learn(2, name="w"),
    )


def test_an_optimiser_built_before_is_found_out():
    layer = nn.Linear(2, 2)
    optimizer = torch.optim.SGD(layer.parameters(), 0.1)
    check_optimizer(optimizer, layer)

    set_param(layer, "weight", exp(learn_like(layer.weight)))

    message = "holds 1 parameters that the model does not have; it lacks weight_expr.leaf0: build"
    with pytest.raises(ExpressionError, match=message):
        check_optimizer(optimizer, layer)
    check_optimizer(torch.optim.SGD(layer.parameters(), 0.1), layer)


def test_a_changed_temporary_is_found_out():
    layer = nn.Linear(2, 2)
    set_param(layer, "weight", exp(learn(2, 2)))
    message = r"Linear\.weight: you changed a temporary: it is computed by exp.*remove\(\) first"

    with pytest.raises(ExpressionError, match=message), checked(layer):
        nn.init.zeros_(layer.weight)
    with checked(layer):
        nn.init.zeros_(layer.weight)
        with pytest.raises(ExpressionError, match=message):
            layer(torch.zeros(1, 2))
    with cached(layer):
        with torch.no_grad():
            layer.weight.zero_()
        with pytest.raises(ExpressionError, match=message):
            _ = layer.weight


def test_a_check_sees_what_changes_later():
    layer, factor = nn.Linear(2, 2), [1.0]

    def scaled(x):
        return x.double() if factor[0] == 3 else x * factor[0]

    set_param(layer, "weight", expr(scaled, learn(2, 2)))

    with checked(layer):
        layer(torch.zeros(1, 2))
        factor[0] = float("nan")
        with pytest.raises(ExpressionError, match="is not finite"):
            layer(torch.zeros(1, 2))
        factor[0] = 3
        with pytest.raises(
            ExpressionError, match="is torch.float64, the layer needs torch.float32"
        ):
            layer(torch.zeros(1, 2))


def test_a_wrapped_module_is_refused(tmp_path):
    store = f"file://{tmp_path / 'store'}"
    torch.distributed.init_process_group("gloo", init_method=store, rank=0, world_size=1)
    try:
        model = nn.Sequential(nn.Linear(2, 2))
        wrapped = nn.parallel.DistributedDataParallel(model)
        refused("wrapped by DistributedDataParallel already", model[0], "weight", learn(2, 2))
        assert wrapped is not None
        set_param(nn.Linear(2, 2), "weight", learn(2, 2) * const(2.0))
    finally:
        torch.distributed.destroy_process_group()
