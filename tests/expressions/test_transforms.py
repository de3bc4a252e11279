"""Expressions under what torch does to models: compilers, transforms, precision, processes."""

import copy
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
import torch.autograd.forward_ad as forward_mode
from torch import Tensor, nn
from torch.func import functional_call, grad, jvp, stack_module_state, vmap
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.checkpoint import checkpoint

from typica.expressions import (
    cached,
    const,
    exp,
    expr,
    get_params,
    learn,
    param_groups,
    ref,
    set_param,
    softplus,
)


class Coder(nn.Module):
    """Two layers, the second maybe tied to the first."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.encoder, self.decoder = nn.Linear(4, 5), nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(torch.tanh(self.encoder(x)))


def positive():
    model = Coder()
    set_param(model.encoder, "weight", softplus(learn(5, 4)))
    set_param(model.encoder, "bias", exp(learn(torch.full((5,), -1.0))))
    return model


def tied():
    model = Coder()
    set_param(model.decoder, "weight", ref(model.encoder, "weight").T)
    return model


def nested():
    model = Coder()
    set_param(model.encoder, "weight", learn(5, 2) @ learn(2, 4) + const(torch.rand(5, 4)))
    set_param(model.decoder, "weight", exp(learn(1)) * ref(model.encoder, "weight").T)
    return model


def mixed():
    model, leaf = Coder(), learn(5, 4)
    mask = const(torch.eye(5, 4), name="mask")
    set_param(model.encoder, "weight", mask * leaf + expr(nn.Linear(4, 4), leaf))
    set_param(model.decoder, "weight", torch.cat([leaf[:2], leaf[2:]]).T / leaf.norm())
    return model


BUILDS = [positive, tied, nested, mixed]


def by_hand(kind):
    """The model that is meant, written out without expressions."""
    return {positive: _positive_by_hand, tied: _tied_by_hand, nested: _nested_by_hand}[kind]


def _layers(x, weight, bias, back, back_bias):
    return torch.tanh(x @ weight.T + bias) @ back.T + back_bias


def _positive_by_hand(model, x):
    leaves = dict(model.named_parameters())
    weight = torch.nn.functional.softplus(leaves["encoder.weight_expr.leaf0"])
    bias = leaves["encoder.bias_expr.leaf0"].exp()
    return _layers(x, weight, bias, model.decoder._parameters["weight"], model.decoder.bias)


def _tied_by_hand(model, x):
    weight = model.encoder._parameters["weight"]
    return _layers(x, weight, model.encoder.bias, weight.T, model.decoder.bias)


def _nested_by_hand(model, x):
    formula, scale = model.encoder.weight_expr, model.decoder.weight_expr.leaf0.exp()
    weight = formula.leaf0 @ formula.leaf1 + formula.const0
    return _layers(x, weight, model.encoder.bias, scale * weight.T, model.decoder.bias)


def data():
    return torch.randn(6, 4, generator=torch.Generator().manual_seed(3))


def gradients(model, loss):
    return torch.autograd.grad(loss, [p for p in model.parameters() if p.requires_grad])


def trained(model, call=None, steps=5, batch=None):
    """The parameters after a few steps with momentum."""
    call = model if call is None else call
    batch = data() if batch is None else batch
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for _ in range(steps):
        optimizer.zero_grad()
        (call(batch) - batch).square().mean().backward()
        optimizer.step()
    return [p.detach().clone() for p in model.parameters()]


def assert_close(ours, theirs, atol):
    for one, other in zip(ours, theirs, strict=True):
        assert torch.allclose(one, other, rtol=atol, atol=atol)


# By hand


@pytest.mark.parametrize("build", [positive, tied, nested])
def test_training_is_that_of_the_model_written_by_hand(build):
    model, plain = build(), build()

    assert torch.allclose(model(data()), by_hand(build)(plain, data()), atol=1e-6)
    ours = trained(model)
    theirs = trained(plain, lambda x: by_hand(build)(plain, x))

    assert_close(ours, theirs, 1e-6)


# Compilers


@pytest.fixture
def _fresh_compiler():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def assert_compiled_is_eager(build, backend):
    model, eager = build(), build()
    compiled = torch.compile(model, fullgraph=True, backend=backend)

    assert torch.allclose(compiled(data()), eager(data()), rtol=0, atol=1e-6)
    ours = gradients(model, compiled(data()).square().sum())
    assert_close(ours, gradients(eager, eager(data()).square().sum()), 1e-5)
    with torch._dynamo.config.patch(error_on_recompile=True):
        assert_close(trained(model, compiled), trained(eager), 1e-6)


@pytest.mark.usefixtures("_fresh_compiler")
@pytest.mark.parametrize("build", BUILDS)
def test_a_model_traced_ahead_of_time_is_the_eager_one(build):
    assert_compiled_is_eager(build, "aot_eager")


@pytest.mark.usefixtures("_fresh_compiler")
@pytest.mark.filterwarnings("default")  # the compiler's own
@pytest.mark.parametrize("build", [nested, pytest.param(mixed, marks=pytest.mark.slow)])
def test_a_compiled_model_is_the_eager_one(build):
    assert_compiled_is_eager(build, "inductor")


@pytest.mark.usefixtures("_fresh_compiler")
def test_a_model_is_compiled_in_place():
    model, eager = nested(), nested()
    model.compile(fullgraph=True, backend="aot_eager")

    assert torch.allclose(model(data()), eager(data()), atol=1e-6)


@pytest.mark.usefixtures("_fresh_compiler")
def test_a_compiled_model_sees_a_tied_parameter_being_loaded():
    model, eager = tied(), tied()
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    compiled(data())

    for each in (model, eager):
        each.load_state_dict({key: value + 1 for key, value in each.state_dict().items()})

    with torch._dynamo.config.patch(error_on_recompile=True):
        assert torch.allclose(compiled(data()), eager(data()), atol=1e-5)


@pytest.mark.usefixtures("_fresh_compiler")
def test_a_compiled_model_sees_an_expression_that_was_set_afterwards():
    model = Coder()
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    compiled(data())

    set_param(model.decoder, "weight", ref(model.encoder, "weight").T)

    assert torch.allclose(compiled(data()), model(data()), atol=1e-6)
    assert not torch.allclose(compiled(data()), Coder()(data()))


@pytest.mark.usefixtures("_fresh_compiler")
def test_compiled_code_within_a_cache_follows_its_leaves():
    model = nested()
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")

    with cached(model):
        compiled(data())
        with torch.no_grad():
            model.encoder.weight_expr.leaf0.add_(1)
        assert torch.allclose(compiled(data()), model(data()), atol=1e-6)


@pytest.mark.usefixtures("_fresh_compiler")
@pytest.mark.filterwarnings("default")  # torch's exporter warns of itself
@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("build", BUILDS)
def test_an_exported_model_is_the_eager_one(build, strict):
    model = build()

    exported = torch.export.export(model, (data(),), strict=strict)

    assert torch.equal(exported.module()(data()), model(data()))
    names = {name for name, _ in model.named_parameters(remove_duplicate=False)}
    assert set(exported.graph_signature.parameters) <= names


@pytest.mark.filterwarnings("default")
def test_an_exported_model_is_saved_and_loaded(tmp_path):
    model = nested()
    torch.export.save(torch.export.export(model, (data(),)), tmp_path / "model.pt2")

    loaded = torch.export.load(tmp_path / "model.pt2")

    assert torch.equal(loaded.module()(data()), model(data()))


def test_a_traced_graph_computes_the_expression():
    model = nested()

    traced = torch.fx.symbolic_trace(model)

    assert torch.equal(traced(data()), model(data()))


@pytest.mark.filterwarnings("default")
def test_a_model_traced_by_the_old_compiler_computes_the_expression():
    model = nested()

    traced = torch.jit.trace(model, data(), check_trace=False)
    with torch.no_grad():
        model.encoder.weight_expr.leaf0.add_(1)

    assert torch.allclose(traced(data()), model(data()), atol=1e-6)


# Transforms of functions


@pytest.mark.parametrize("build", BUILDS)
def test_an_ensemble_is_its_members(build):
    members = [build() for _ in range(3)]
    for number, member in enumerate(members):
        for parameter in member.parameters():
            parameter.data += 0.1 * number
    parameters, buffers = stack_module_state(members)
    base = copy.deepcopy(members[0]).to("meta")

    outputs = vmap(lambda p, b, x: functional_call(base, (p, b), (x,)), (0, 0, None))(
        parameters, buffers, data()
    )

    for output, member in zip(outputs, members, strict=True):
        assert torch.allclose(output, member(data()), atol=1e-6)
    ours = torch.autograd.grad(outputs.square().sum(), list(parameters.values()))
    losses = [member(data()).square().sum() for member in members]
    theirs = [gradients(m, loss) for m, loss in zip(members, losses, strict=True)]
    assert_close(ours, [torch.stack(same) for same in zip(*theirs, strict=True)], 2e-5)


@pytest.mark.parametrize("build", BUILDS)
def test_a_model_is_called_with_other_leaves(build):
    model, other = build(), build()
    for parameter in other.parameters():
        parameter.data += 0.3
    before = model(data())

    called = functional_call(model, dict(other.named_parameters()), (data(),))
    detached = {name: p.detach() for name, p in other.named_parameters()}

    assert torch.equal(called, other(data()))
    assert torch.equal(functional_call(model, detached, (data(),)), other(data()))
    assert torch.equal(model(data()), before)
    assert dict(model.named_parameters()).keys() == dict(build().named_parameters()).keys()


def test_another_source_is_seen_by_what_is_tied_to_it():
    model, weight = tied(), torch.randn(5, 4, requires_grad=True)

    output = functional_call(model, {"encoder.weight": weight}, (data(),))

    bias, back = model.encoder.bias, model.decoder.bias
    assert torch.allclose(output, _layers(data(), weight, bias, weight.T, back), atol=1e-6)
    (ours,) = torch.autograd.grad(output.sum(), weight)
    assert ours.abs().sum() > 0
    assert model.decoder.weight_expr.ref0 is model.encoder.weight


def test_a_tie_takes_another_value_under_its_own_name_too():
    model, weight = tied(), torch.randn(5, 4)

    output = functional_call(model, {"decoder.weight_expr.ref0": weight}, (data(),))

    assert torch.equal(output, functional_call(model, {"encoder.weight": weight}, (data(),)))


@pytest.mark.parametrize("kind", [torch.Tensor, nn.Parameter])
def test_a_decoder_alone_is_called_with_another_tied_value(kind):
    model, weight = tied(), torch.randn(5, 4)
    given = nn.Parameter(weight) if kind is nn.Parameter else weight
    hidden = torch.randn(2, 5)

    output = functional_call(model.decoder, {"weight_expr.ref0": given}, (hidden,))

    assert torch.allclose(output, hidden @ weight + model.decoder.bias, atol=1e-6)
    assert model.decoder.weight_expr.ref0 is model.encoder.weight
    assert torch.equal(model.decoder.weight, model.encoder.weight.T)


@pytest.mark.parametrize("build", BUILDS)
def test_functional_gradients_are_those_of_backward(build):
    model = build()

    def loss(leaves):
        return functional_call(model, leaves, (data(),)).square().sum()

    ours = grad(loss)({name: p.detach() for name, p in model.named_parameters()})

    assert_close(ours.values(), gradients(model, model(data()).square().sum()), 1e-5)


@pytest.mark.parametrize("build", BUILDS)
def test_gradients_of_each_example_add_up(build):
    model = build()
    leaves = {name: p.detach() for name, p in model.named_parameters()}

    def loss(leaves, x):
        return functional_call(model, leaves, (x[None],)).square().sum()

    each = vmap(grad(loss), (None, 0))(leaves, data())

    total = [gradient.sum(0) for gradient in each.values()]
    assert_close(total, gradients(model, model(data()).square().sum()), 2e-5)


@pytest.mark.parametrize("build", BUILDS)
def test_forward_mode_agrees_with_backward(build):
    model = build().double()
    leaves = {name: p.detach() for name, p in model.named_parameters()}
    tangents = {name: torch.randn_like(p) for name, p in leaves.items()}

    def loss(leaves):
        return functional_call(model, leaves, (data().double(),)).square().sum()

    _, slope = jvp(loss, (leaves,), (tangents,))

    backward = gradients(model, loss(dict(model.named_parameters())))
    expected = sum((g * t).sum() for g, t in zip(backward, tangents.values(), strict=True))
    assert torch.allclose(slope, expected)


def test_dual_numbers_pass_through_an_expression():
    model = positive().double()
    formula = model.encoder.weight_expr
    value, tangent = formula.leaf0.detach(), torch.randn(5, 4, dtype=torch.double)

    with forward_mode.dual_level():
        dual = forward_mode.make_dual(value, tangent)
        output = functional_call(
            model.encoder, {"weight_expr.leaf0": dual}, (torch.eye(4).double(),)
        )
        slope = forward_mode.unpack_dual(output).tangent

    assert torch.allclose(slope, (tangent * torch.sigmoid(value)).T)


def test_second_derivatives_pass_through_ties():
    model = nested().double()
    x = data().double()

    def output(*leaves):
        names = [name for name, _ in model.named_parameters()]
        return functional_call(model, dict(zip(names, leaves, strict=True)), (x,))

    leaves = [p.detach().requires_grad_() for p in model.parameters()]
    assert torch.autograd.gradcheck(output, leaves)
    assert torch.autograd.gradgradcheck(lambda *p: output(*p)[:2], leaves)


# Precision and memory


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("kept", [False, True])
def test_half_precision_within_autocast_leaves_the_leaves_whole(build, kept):
    model = build()

    def step():
        with torch.autocast("cpu", torch.bfloat16):
            output = model(data())
        assert output.dtype == torch.bfloat16
        output.float().square().mean().backward()

    if kept:
        with cached(model):
            step()
    else:
        step()

    exact = gradients(model, model(data()).square().mean())
    for parameter, expected in zip(model.parameters(), exact, strict=True):
        assert parameter.grad.dtype == torch.float32
        assert torch.allclose(parameter.grad, expected, atol=0.05 * float(expected.abs().max()))


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("reentrant", [False, True])
@pytest.mark.parametrize("kept", [False, True])
def test_checkpointed_gradients_are_the_plain_ones(build, reentrant, kept):
    model = build()
    x = data().requires_grad_()

    def loss():
        hidden = checkpoint(model.encoder, x, use_reentrant=reentrant)
        return checkpoint(model.decoder, torch.tanh(hidden), use_reentrant=reentrant)

    def step():
        loss().square().mean().backward()

    for _ in range(2):
        model.zero_grad()
        if kept:
            with cached(model):
                step()
        else:
            step()

    exact = gradients(model, model(x).square().mean())
    assert_close([p.grad for p in model.parameters()], exact, 1e-6)


def test_one_expression_is_checkpointed_twice():
    layer, x = nn.Linear(4, 4), data().requires_grad_()
    set_param(layer, "weight", exp(learn(4, 4)))

    with cached(layer):
        once = checkpoint(layer, x, use_reentrant=False)
        checkpoint(layer, once, use_reentrant=False).sum().backward()

    exact = gradients(layer, layer(layer(x)).sum())
    assert_close([p.grad for p in layer.parameters()], exact, 1e-5)


# Averages and optimisers


@pytest.mark.parametrize("build", BUILDS)
def test_an_average_follows_the_leaves(build):
    model = build()
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.5))
    start = {name: p.detach().clone() for name, p in model.named_parameters()}

    average.update_parameters(model)
    trained(model, steps=2)
    average.update_parameters(model)

    now = dict(model.named_parameters())
    mean = {name: (start[name] + now[name]) / 2 for name in now}
    other = build()
    other.load_state_dict(mean, strict=False)
    assert torch.allclose(average(data()), other(data()), atol=1e-6)
    assert len(list(average.parameters())) == len(now)


def test_an_average_keeps_its_tie():
    average = AveragedModel(tied())

    assert average.module.decoder.weight_expr.ref0 is average.module.encoder.weight


def test_a_group_decays_alone():
    model = nested()
    groups = param_groups(model, {"regularizable": {"weight_decay": 0.5}})
    before = {name: p.detach().clone() for name, p in model.named_parameters()}

    optimizer = torch.optim.SGD(groups, lr=0.1)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()

    assert sorted(len(group["params"]) for group in groups) == [2, 3]
    for name, parameter in model.named_parameters():
        rate = 1.0 if "bias" in name else 0.95
        assert torch.allclose(parameter, rate * before[name])


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.SGD])
def test_training_resumes_where_it_stopped(build, kind):
    settings = {"momentum": 0.9} if kind is torch.optim.SGD else {}

    def steps(model, optimizer):
        for _ in range(2):
            optimizer.zero_grad()
            (model(data()) - data()).square().mean().backward()
            optimizer.step()

    model = build()
    optimizer = kind(model.parameters(), lr=0.01, **settings)
    steps(model, optimizer)
    other = build()
    other.load_state_dict(model.state_dict())
    resumed = kind(other.parameters(), lr=0.01, **settings)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))

    steps(model, optimizer)
    steps(other, resumed)

    for one, same in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, same)


def test_a_model_and_its_optimiser_are_copied_together():
    model = tied()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    model, optimizer = copy.deepcopy((model, optimizer))
    before = model.decoder.weight.detach().clone()
    model(data()).sum().backward()
    optimizer.step()

    assert not torch.equal(model.decoder.weight, before)
    assert torch.equal(model.decoder.weight, model.encoder.weight.T)


def test_fused_and_foreach_optimisers_train_the_leaves():
    results = []
    for settings in ({"foreach": False}, {"foreach": True}, {"fused": True}):
        model = nested()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01, **settings)
        for _ in range(3):
            optimizer.zero_grad()
            model(data()).square().mean().backward()
            optimizer.step()
        results.append([p.detach() for p in model.parameters()])

    assert_close(results[0], results[1], 1e-6)
    assert_close(results[0], results[2], 1e-6)


def test_gradients_are_clipped_once_though_tied():
    model = tied()
    model(data()).square().sum().backward()
    squares = sum(p.grad.square().sum() for p in get_params(model))

    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)

    assert torch.allclose(norm, squares.sqrt())


def test_parameters_become_one_vector_and_come_back():
    model, other = nested(), nested()
    for parameter in other.parameters():
        parameter.data += 0.5

    vector = torch.nn.utils.parameters_to_vector(other.parameters())
    torch.nn.utils.vector_to_parameters(vector, model.parameters())

    assert torch.equal(model(data()), other(data()))


def test_threads_evaluate_at_once():
    model = nested()
    expected = model(data())

    with ThreadPoolExecutor(4) as pool:
        outputs = list(pool.map(lambda _: model(data()), range(64)))

    assert all(torch.equal(output, expected) for output in outputs)


def test_inference_mode_computes_the_same():
    model = nested()

    with torch.inference_mode():
        kept = model(data())
    with torch.inference_mode(), cached(model):
        again = model(data())

    assert torch.equal(kept, model(data()).detach())
    assert torch.equal(again, kept)


def test_a_cache_begun_in_inference_mode_gives_gradients_afterwards():
    model = nested()

    with cached(model):
        with torch.inference_mode():
            model(data())
        model(data()).sum().backward()

    assert all(p.grad is not None for p in model.parameters())


# Processes


def _train_in_process(rank: int, folder: Path) -> None:
    """One of two: trains on its half of the data and saves what it learnt."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder / 'meeting'}", rank=rank, world_size=2
    )
    halves = data().chunk(2)
    results = {}
    for build in BUILDS:
        model = build()
        trained(DistributedDataParallel(model), steps=4, batch=halves[rank])
        results[build.__name__] = [p.detach() for p in model.parameters()]
    torch.save(results, folder / f"{rank}.pt")
    torch.distributed.destroy_process_group()


def test_two_processes_learn_what_one_does(tmp_path):
    commands = [[sys.executable, __file__, str(rank), str(tmp_path)] for rank in range(2)]
    running = [subprocess.Popen(c, stderr=subprocess.PIPE, text=True) for c in commands]
    words = [process.communicate(timeout=240)[1] for process in running]
    assert [process.returncode for process in running] == [0, 0], words

    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))

    for build in BUILDS:
        alone = trained(build(), steps=4)
        for one, other, expected in zip(
            first[build.__name__], second[build.__name__], alone, strict=True
        ):
            assert torch.equal(one, other)
            assert torch.allclose(one, expected, rtol=0, atol=1e-6)


if __name__ == "__main__":
    _train_in_process(int(sys.argv[1]), Path(sys.argv[2]))
