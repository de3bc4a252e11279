"""Expressions after copies, saving, loading and moves: same values, same ties, same training."""

import copy
import io
import pickle
import subprocess
import sys
from contextlib import contextmanager

import pytest
import torch
from safetensors.torch import load_model, save_model
from torch import Tensor, nn
from torch.nn import functional as F

from typica.expressions import (
    Expression,
    cached,
    const,
    exp,
    expr,
    get_params,
    learn,
    learn_like,
    normal,
    ref,
    remove,
    set_param,
    softplus,
)
from typica.expressions.formula import Formula


class Coder(nn.Module):
    """An encoder and a decoder, in either order of registration, and a module beside them."""

    def __init__(self, *, backwards: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        if backwards:
            self.decoder, self.encoder = nn.Linear(5, 4), nn.Linear(4, 5)
        else:
            self.encoder, self.decoder = nn.Linear(4, 5), nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(torch.tanh(self.encoder(x)))


class Held(Coder):
    """A coder with a matrix of its own: a parameter or a buffer."""

    def __init__(self, *, learnt: bool) -> None:
        super().__init__()
        matrix = torch.randn(5, 4)
        if learnt:
            self.matrix = nn.Parameter(matrix)
        else:
            self.register_buffer("matrix", matrix)


def one():
    model = Coder()
    set_param(model.encoder, "weight", softplus(learn(5, 4)))
    return model


def two():
    model = one()
    set_param(model.encoder, "bias", exp(learn(5, init=normal(-1, 0.1))))
    return model


def tied():
    model = Coder()
    set_param(model.decoder, "weight", ref(model.encoder, "weight").T)
    return model


def tied_before_its_source():
    model = Coder(backwards=True)
    set_param(model.decoder, "weight", ref(model.encoder, "weight").T)
    return model


def tied_by_path():
    model = Coder()
    set_param(model, "decoder.weight", ref(model, "encoder.weight").T)
    return model


def tied_to_the_model_itself():
    model = Held(learnt=True)
    set_param(model.encoder, "weight", ref(model, "matrix") * 2)
    set_param(model.decoder, "weight", ref(model, "matrix").T)
    return model


def tied_inside():
    model = Coder()
    scale = exp(learn(1, name="scale"))
    offset = const(torch.randn(4, 5), name="offset")
    set_param(model.decoder, "weight", scale * ref(model.encoder, "weight").T + offset)
    return model


def nested():
    model = one()
    set_param(model.decoder, "weight", ref(model.encoder, "weight").T * learn(torch.ones(1)))
    return model


def nested_before_its_source():
    model = Coder(backwards=True)
    set_param(model.encoder, "weight", softplus(learn(5, 4)))
    set_param(model.decoder, "weight", ref(model.encoder, "weight").T)
    return model


def nested_twice():
    model = Held(learnt=True)
    set_param(model.encoder, "weight", softplus(ref(model, "matrix")))
    set_param(model.decoder, "weight", ref(model.encoder, "weight").T)
    set_param(model.encoder, "bias", ref(model.decoder, "weight").sum(0))
    return model


def became_an_expression():
    model = tied()
    set_param(model.encoder, "weight", softplus(learn(5, 4)))
    return model


def became_an_expression_before_its_source():
    model = tied_before_its_source()
    set_param(model.encoder, "weight", softplus(learn(5, 4)))
    return model


def was_removed_again():
    model = became_an_expression()
    remove(model.encoder, "weight")
    return model


def was_removed_and_set_again():
    model = was_removed_again()
    set_param(model.encoder, "weight", learn(5, 2) @ learn(2, 4))
    return model


def shared_leaf():
    model, leaf = Coder(), learn(5, 4)
    set_param(model.encoder, "weight", leaf * 2)
    set_param(model.decoder, "weight", leaf.T)
    return model


def taken_parameter():
    model = Coder()
    set_param(model.decoder, "weight", learn(model.encoder.weight).T)
    return model


def constant():
    model = Coder()
    mask = const(torch.eye(5, 4), name="mask")
    set_param(model.encoder, "weight", mask * learn_like(model.encoder.weight))
    return model


def hidden_constant():
    model = Coder()
    mask = const(torch.eye(5, 4), name="mask", persistent=False)
    set_param(model.encoder, "weight", mask * learn_like(model.encoder.weight))
    return model


def shared_constant():
    model, mask = Coder(), const(torch.eye(5, 4))
    set_param(model.encoder, "weight", mask * learn(5, 4))
    set_param(model.decoder, "weight", mask.T * learn(4, 5))
    return model


def buffer_elsewhere():
    model = Held(learnt=False)
    set_param(model.encoder, "weight", ref(model, "matrix") * learn(torch.ones(1)))
    return model


def buffer_computed():
    model = Held(learnt=False)
    set_param(model, "matrix", ref(model.encoder, "weight") * 2)
    set_param(model.decoder, "weight", ref(model, "matrix").T)
    return model


def part():
    model = Coder()
    set_param(model.encoder, "weight", expr(nn.Linear(4, 4), learn(5, 4)))
    return model


def shared_part():
    model, maker = Coder(), nn.Linear(4, 4)
    set_param(model.encoder, "weight", expr(maker, learn(5, 4)))
    set_param(model.decoder, "weight", expr(maker, learn(5, 4)).T)
    return model


def part_elsewhere():
    model = Coder()
    model.maker = nn.Linear(4, 4)
    set_param(model.encoder, "weight", expr(model.maker, learn(5, 4)))
    return model


def part_with_an_expression():
    model, maker = Coder(), nn.Linear(4, 4)
    set_param(maker, "weight", softplus(learn(4, 4)))
    set_param(model.encoder, "weight", expr(maker, learn(5, 4)))
    return model


def frozen_leaf():
    model = Coder()
    fixed = learn(5, 4, trainable=False)
    set_param(model.encoder, "weight", fixed + learn(5, 1) @ learn(1, 4))
    return model


CASES = [
    one,
    two,
    tied,
    tied_before_its_source,
    tied_by_path,
    tied_to_the_model_itself,
    tied_inside,
    nested,
    nested_before_its_source,
    nested_twice,
    became_an_expression,
    became_an_expression_before_its_source,
    was_removed_again,
    was_removed_and_set_again,
    shared_leaf,
    taken_parameter,
    constant,
    hidden_constant,
    shared_constant,
    buffer_elsewhere,
    buffer_computed,
    part,
    shared_part,
    part_elsewhere,
    part_with_an_expression,
    frozen_leaf,
]
# Where one parameter stands under two names with no reference between them, torch itself parts
# them when parameters are replaced.
REPLACED = [case for case in CASES if case not in (taken_parameter, part_elsewhere, shared_part)]


def other_values(build):
    """Another model of the same form; what is saved has other values in it."""
    model = build()
    with torch.no_grad():
        for tensor in model.state_dict().values():
            tensor.add_(1)
    return model


def by_deepcopy(build):
    return copy.deepcopy(build())


def by_pickle(build):
    return pickle.loads(pickle.dumps(build()))


def by_torch_save(build):
    file = io.BytesIO()
    torch.save(build(), file)
    file.seek(0)
    return torch.load(file, weights_only=False)


def by_state_dict(build):
    model = other_values(build)
    model.load_state_dict(build().state_dict(), strict=True)
    return model


def by_saved_weights(build):
    """Through a file that is loaded as weights only."""
    file = io.BytesIO()
    torch.save(build().state_dict(), file)
    file.seek(0)
    model = other_values(build)
    model.load_state_dict(torch.load(file, weights_only=True))
    return model


def by_conversion(build):
    model = build()
    model(torch.randn(2, 4))
    return model.double().float()


def by_conversion_to(build):
    return build().to(torch.float64).to("cpu", torch.float32)


def by_conversion_and_deepcopy(build):
    return copy.deepcopy(copy.deepcopy(build().double())).float()


def by_pickle_and_state_dict(build):
    model = pickle.loads(pickle.dumps(other_values(build)))
    model.load_state_dict(build().state_dict())
    return model


def by_assignment(build):
    model = other_values(build)
    model.load_state_dict(build().state_dict(), assign=True)
    return model


def by_assignment_to_meta(build):
    with torch.device("meta"):
        model = build()
    model.load_state_dict(build().state_dict(), assign=True)
    return with_hidden_constants(build, model)


def by_emptying(build):
    model = build()
    state = {key: value.clone() for key, value in model.state_dict().items()}
    model.to("meta").to_empty(device="cpu").load_state_dict(state)
    return with_hidden_constants(build, model)


def by_copy_of_meta(build):
    model = build()
    state = {key: value.clone() for key, value in model.state_dict().items()}
    model = copy.deepcopy(model.to("meta")).to_empty(device="cpu")
    model.load_state_dict(state)
    return with_hidden_constants(build, model)


def by_overwriting(build):
    with future("overwrite_module_params_on_conversion"):
        return build().double().float()


def by_swapping(build):
    with future("swap_module_params_on_conversion"):
        return build().double().float()


ROUTES = [
    by_deepcopy,
    by_pickle,
    by_torch_save,
    by_state_dict,
    by_saved_weights,
    by_conversion,
    by_conversion_to,
    by_conversion_and_deepcopy,
    by_pickle_and_state_dict,
]
REPLACING = [
    by_assignment,
    by_assignment_to_meta,
    by_emptying,
    by_copy_of_meta,
    by_overwriting,
    by_swapping,
]


@contextmanager
def future(setting):
    before = getattr(torch.__future__, f"get_{setting}")()
    getattr(torch.__future__, f"set_{setting}")(True)
    try:
        yield
    finally:
        getattr(torch.__future__, f"set_{setting}")(before)


def with_hidden_constants(build, model):
    """Give the model what its weights do not hold: constants that are not persistent."""
    if build is hidden_constant:
        model.encoder.weight_expr.mask = torch.eye(5, 4)
    return model


def ties(model):
    """Which names stand for one thing: of parameters, and of modules."""
    groups = {}
    for name, thing in [
        *model.named_parameters(remove_duplicate=False),
        *model.named_modules(remove_duplicate=False),
    ]:
        groups.setdefault(id(thing), []).append(name)
    return sorted(groups.values())


def outside(model):
    """The modules that expressions refer to and that are not in the model."""
    inside = set(model.modules())
    formulas = [module for module in inside if isinstance(module, Formula)]
    return [
        leaf.module for formula in formulas for leaf in formula.references()
        if leaf.module not in inside
    ]  # fmt: skip


def all_buffers(model):
    # As in torch itself a buffer that is shared is two after a conversion.
    return model.named_buffers(remove_duplicate=False)


def trained(model, steps=3):
    """The losses of a few steps with momentum, and the output after them."""
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(6, 4, generator=generator)
    trainable = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(trainable, lr=0.1, momentum=0.9)
    losses = []
    for _ in range(steps):
        loss = (model(x) - x).square().mean()
        optimizer.zero_grad()
        loss.backward()
        assert all(p.grad is not None for p in trainable)
        optimizer.step()
        losses.append(loss.detach())
    return [*losses, model(x).detach()]


def assert_same(model, expected):
    """Same form, same numbers, and the same numbers after training."""
    assert ties(model) == ties(expected)
    assert outside(model) == []
    for listed in (nn.Module.named_parameters, all_buffers, nn.Module.state_dict):
        one, other = dict(listed(model)), dict(listed(expected))
        assert list(one) == list(other)
        assert all(torch.equal(one[name], other[name]) for name in one)
        assert all(one[name].requires_grad == other[name].requires_grad for name in one)
    assert repr(model) == repr(expected)
    for now, before in zip(trained(model), trained(expected), strict=True):
        assert torch.equal(now, before)
    assert ties(model) == ties(expected)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("build", CASES)
def test_a_model_is_the_same_after(build, route):
    assert_same(route(build), build())


@pytest.mark.parametrize("route", REPLACING)
@pytest.mark.parametrize("build", REPLACED)
def test_a_model_is_the_same_after_its_parameters_are_replaced(build, route):
    assert_same(route(build), build())


@pytest.mark.parametrize("build", CASES)
def test_a_copy_shares_nothing_with_its_original(build):
    model = build()
    clone = copy.deepcopy(model)
    x = torch.randn(2, 4)
    before = clone(x).detach()

    with torch.no_grad():
        for tensor in [*model.parameters(), *model.buffers()]:
            tensor.fill_(0.5)

    assert torch.equal(clone(x), before)
    assert not {id(t) for t in model.parameters()} & {id(t) for t in clone.parameters()}


@pytest.mark.parametrize("build", CASES)
def test_every_parameter_listed_is_in_use(build):
    model = build()

    model(torch.randn(6, 4)).square().sum().backward()

    trainable = [p for p in model.parameters() if p.requires_grad]
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in trainable)
    assert {id(p) for p in get_params(model)} == {id(p) for p in model.parameters()}


@pytest.mark.parametrize("build", CASES)
def test_weights_survive_safetensors(build, tmp_path):
    file = str(tmp_path / "weights.safetensors")
    save_model(build(), file)
    model = other_values(build)

    missing, unexpected = load_model(model, file)

    assert not missing
    assert not unexpected
    assert_same(model, build())


def leaving_keys_to_the_source(backwards=False):
    model = Coder(backwards=backwards)
    weight = ref(model.encoder, "weight", tie_keys="source")
    set_param(model.decoder, "weight", weight.T * learn(torch.ones(1), name="gain"))
    return model


def leaving_keys_before_the_source():
    return leaving_keys_to_the_source(backwards=True)


def leaving_keys_of_an_expression():
    model = leaving_keys_to_the_source()
    set_param(model.encoder, "weight", softplus(learn(5, 4)) * const(2.0))
    return model


def leaving_keys_of_a_buffer():
    model = Held(learnt=False)
    weight = ref(model, "matrix", tie_keys="source")
    set_param(model.encoder, "weight", weight * learn(torch.ones(1)))
    return model


LEAVING = [
    leaving_keys_to_the_source,
    leaving_keys_before_the_source,
    leaving_keys_of_an_expression,
    leaving_keys_of_a_buffer,
]


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("build", LEAVING)
def test_a_model_whose_ties_are_saved_once_is_the_same_after(build, route):
    assert not [key for key in build().state_dict() if ".ref" in key]
    assert_same(route(build), build())


@pytest.mark.parametrize("build", LEAVING[:1] + LEAVING[2:])
def test_ties_saved_once_survive_assignment(build):
    assert_same(by_assignment(build), build())
    assert_same(by_assignment_to_meta(build), build())


def test_ties_saved_once_are_loaded_from_weights_that_hold_them_twice():
    twice, once = tied(), Coder()
    set_param(once.decoder, "weight", ref(once.encoder, "weight", tie_keys="source").T)
    assert len(twice.state_dict()) == len(once.state_dict()) + 1

    with torch.no_grad():
        once.encoder.weight.zero_()
    once.load_state_dict(twice.state_dict(), strict=True)

    x = torch.randn(2, 4)
    assert torch.equal(once(x), twice(x))
    assert once.decoder.weight_expr.ref0 is once.encoder.weight


def test_ties_saved_once_survive_safetensors(tmp_path):
    file = str(tmp_path / "weights.safetensors")
    for build in LEAVING:
        save_model(build(), file)
        model = other_values(build)

        assert load_model(model, file) == (set(), [])
        assert_same(model, build())


def test_missing_leaves_are_named_when_weights_are_loaded():
    with pytest.raises(RuntimeError, match=r'Missing key.*"encoder.weight_expr.leaf0"'):
        one().load_state_dict(Coder().state_dict())


def test_plain_weights_and_biases_keep_their_keys():
    keys = set(one().state_dict())

    assert keys == {"encoder.weight_expr.leaf0", "encoder.bias", "decoder.weight", "decoder.bias"}


def test_a_decoder_copied_alone_keeps_its_value_and_lets_go_of_the_encoder():
    model = tied()
    decoder = copy.deepcopy(model.decoder)
    assert torch.equal(decoder.weight, model.decoder.weight)

    before = decoder.weight.detach().clone()
    with torch.no_grad():
        model.encoder.weight.zero_()

    assert torch.equal(decoder.weight, before)
    assert [name for name, _ in decoder.named_parameters()] == ["bias", "weight_expr.ref0"]


def test_a_model_loaded_in_another_process_is_the_same(tmp_path):
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 4))
    set_param(model[0], "weight", F.softplus(learn(5, 4)) * const(torch.rand(5, 4)))
    set_param(model[2], "weight", ref(model[0], "weight").T @ expr(nn.Linear(5, 5), torch.eye(5)))
    x = torch.randn(3, 4)
    torch.save((model, x, model(x).detach()), tmp_path / "model.pt")

    script = (
        "import sys, torch\n"
        "model, x, y = torch.load(sys.argv[1], weights_only=False)\n"
        "assert torch.equal(model(x), y)\n"
        "assert isinstance(model[0], torch.nn.Linear)\n"
        "assert model[2].weight_expr.ref0.leaf0 is model[0].weight_expr.leaf0\n"
        "model(x).sum().backward()\n"
        "assert all(p.grad is not None for p in model.parameters())\n"
    )
    command = [sys.executable, "-W", "error", "-c", script, str(tmp_path / "model.pt")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "expression",
    [
        lambda w: -w + 1,
        lambda w: 1 - w,
        lambda w: torch.ones(4) * w / 2,
        lambda w: torch.ones(4) - w,
        lambda w: torch.ones(4) / w,
        lambda w: torch.eye(5) @ w,
        lambda w: torch.full((1,), 2.0) ** w,
        lambda w: 2**w,
        lambda w: abs(w) ** 0.5,
        lambda w: w[:, [0, 1, 2, 3]],
        lambda w: w[..., None].squeeze(-1),
        lambda w: w.T.mT,
        lambda w: w.clamp(min=0).T.contiguous().t(),
        lambda w: torch.stack([w, w]).mean(0),
        lambda w: torch.cat([w[:2], w[2:]]),
        lambda w: torch.where(w > 0, w, 0.1 * w),
        lambda w: torch.einsum("ij,jk->ik", w, torch.eye(4)),
        lambda w: F.normalize(w, dim=0),
        lambda w: F.elu(w) + F.gelu(w) + torch.sigmoid(w) + F.softplus(w),
        lambda w: torch.linalg.qr(w)[0],
        lambda w: torch.linalg.vector_norm(w, dim=1, keepdim=True) * w,
        lambda w: torch.fft.irfft(torch.fft.rfft(w, dim=0), n=5, dim=0),
        lambda w: torch.tril(w) + w.triu(1),
        lambda w: w.flip(0).roll(1, 0).view(5, 4).reshape(5, 4).expand(5, 4),
        lambda w: F.dropout(w, 0.5, training=False),
        lambda w: w.to(torch.float64).float(),
        lambda w: w.softmax(dim=-1) + torch.log_softmax(w, -1),
        lambda w: torch.matrix_exp(w[:4]).sum() * w,
        lambda w: w.pow(2).sum().sqrt() * w,
        lambda w: expr(torch.Tensor.mul, w, 2) if isinstance(w, Expression) else w.mul(2),
        lambda w: F.conv1d(w[None], torch.ones(5, 5, 1))[0],
        lambda w: F.avg_pool1d(w[None], 1)[0] + F.max_pool1d(w[None], 1)[0],
        lambda w: F.interpolate(w[None, None], scale_factor=1.0)[0, 0],
        lambda w: torch.special.expm1(w),
    ],
)
def test_what_torch_offers_can_be_pickled_and_copied(expression):
    torch.manual_seed(0)
    leaf = learn(torch.rand(5, 4) + 0.5)
    layer = nn.Linear(4, 5)
    set_param(layer, "weight", expression(leaf))

    pickled, copied = pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer)

    plain = expression(leaf.parameter)
    for other in (layer, pickled, copied):
        assert torch.equal(other.weight, plain)
        (gradient,) = torch.autograd.grad(other.weight.sum(), list(other.weight_expr.parameters()))
        assert torch.equal(
            gradient, torch.autograd.grad(plain.sum(), leaf.parameter, retain_graph=True)[0]
        )


def test_a_model_is_copied_and_pickled_while_it_is_cached():
    model, x = nested(), torch.randn(2, 4)

    with cached(model):
        before = model(x)
        copied, pickled = copy.deepcopy(model), pickle.loads(pickle.dumps(model))

        for other in (copied, pickled):
            with torch.no_grad():
                other.encoder.weight_expr.leaf0.add_(1)
            assert not torch.equal(other(x), before)
        assert torch.equal(model(x), before)


def test_a_cached_model_moves():
    model, x = tied_inside(), torch.randn(2, 4)

    with cached(model):
        single = model(x)
        double = model.double()(x.double())

    assert double.dtype == torch.float64
    assert torch.allclose(double, single.double(), atol=1e-6)


def test_conversion_of_one_module_follows_the_tie():
    model = tied()
    model.encoder.double()

    assert model.decoder.weight.dtype == torch.float64
    assert model.decoder.weight_expr.ref0 is model.encoder.weight


def test_gradients_move_with_their_parameters():
    model = shared_leaf()
    model(torch.randn(2, 4)).sum().backward()

    model.double()

    assert all(p.grad.dtype == torch.float64 for p in model.parameters())


def test_a_half_precision_model_keeps_its_ties():
    model = nested().to(torch.bfloat16)

    assert model(torch.randn(2, 4, dtype=torch.bfloat16)).dtype == torch.bfloat16
    assert ties(model) == ties(nested())


def test_gradients_zeroed_and_frozen_by_torch_reach_the_leaves():
    model = nested()
    model.requires_grad_(False)
    assert not model(torch.randn(2, 4)).requires_grad

    model.requires_grad_(True)
    model(torch.randn(2, 4)).sum().backward()
    model.zero_grad()

    assert all(p.grad is None for p in model.parameters())


def computed(model):
    """Where expressions stand in the model, those within expressions left out."""
    formulas = [
        name
        for name, part in model.named_modules(remove_duplicate=False)
        if isinstance(part, Formula)
    ]
    return [
        name.removesuffix("_expr")
        for name in formulas
        if name.count("_expr") == 1 and name.endswith("_expr")
    ]


@pytest.mark.parametrize("build", CASES)
def test_expressions_in_a_copy_can_be_removed(build):
    model = copy.deepcopy(build())
    x = torch.randn(2, 4)
    before = model(x).detach()

    for path in computed(model):
        remove(model, path)

    assert torch.equal(model(x), before)
    assert {type(module) for module in model.modules()} <= {Coder, Held, nn.Linear}
    assert list(dict(model.encoder.named_parameters())) == ["weight", "bias"]
    assert list(dict(model.decoder.named_parameters())) == ["weight", "bias"]


@pytest.mark.parametrize("build", [case for case in CASES if case is not part_elsewhere])
def test_expressions_in_a_copy_can_be_set_anew(build):
    model = copy.deepcopy(build())

    set_param(model.encoder, "weight", learn(5, 2) @ learn(2, 4))
    set_param(model.encoder, "bias", torch.zeros(5))

    model(torch.randn(6, 4)).square().sum().backward()
    idle = [name for name, p in model.named_parameters() if p.grad is None and p.requires_grad]
    assert idle in ([], ["matrix"])
    listed = set(dict(model.encoder.named_parameters()))
    assert listed == {"weight_expr.leaf0", "weight_expr.leaf1", "bias"}
