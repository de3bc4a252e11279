"""Expressions in every kind of module: the same numbers as a plain layer with the same value."""

import copy
import pickle
from abc import ABC, ABCMeta, abstractmethod

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from typica.core.errors import ExpressionError
from typica.expressions import (
    add_param,
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

# Torch's own words: of a path it does not take, and of tensors it nests.
pytestmark = [
    pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning"),
    pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning"),
]

CODES = torch.tensor([[1, 2, 1], [0, 3, 3]])


def batch(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(7))


def sequence(rnn):
    return lambda layer: layer(batch(6, 2, rnn))


def attend(layer):
    output, weights = layer(batch(2, 3, 8), batch(2, 5, 8), batch(2, 5, 8))
    return output, weights


def attend_to_others(layer):
    return layer(batch(2, 3, 8), batch(2, 5, 6), batch(2, 5, 4))


def on(*shape):
    return lambda layer: layer(batch(*shape))


LAYERS = {
    "Linear": (lambda: nn.Linear(4, 5), on(3, 4)),
    "Bilinear": (lambda: nn.Bilinear(4, 3, 5), lambda layer: layer(batch(2, 4), batch(2, 3))),
    "Conv1d": (lambda: nn.Conv1d(4, 6, 3, padding=2, groups=2), on(2, 4, 9)),
    "Conv1d circular": (
        lambda: nn.Conv1d(4, 6, 3, padding=1, padding_mode="circular"),
        on(2, 4, 9),
    ),
    "Conv2d": (lambda: nn.Conv2d(2, 3, (3, 2), stride=2, padding="valid"), on(2, 2, 7, 8)),
    "Conv3d": (lambda: nn.Conv3d(2, 3, 2, dilation=2), on(2, 2, 5, 5, 5)),
    "ConvTranspose1d": (lambda: nn.ConvTranspose1d(4, 6, 3, stride=2), on(2, 4, 5)),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(2, 3, 3, groups=1), on(2, 2, 4, 4)),
    "ConvTranspose3d": (lambda: nn.ConvTranspose3d(2, 3, 2), on(2, 2, 3, 3, 3)),
    "Embedding": (lambda: nn.Embedding(4, 5, padding_idx=0), lambda layer: layer(CODES)),
    "EmbeddingBag": (lambda: nn.EmbeddingBag(4, 5, mode="mean"), lambda layer: layer(CODES)),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(4), on(6, 4)),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(4), on(2, 4, 3, 3)),
    "SyncBatchNorm": (lambda: nn.SyncBatchNorm(4).eval(), on(6, 4)),
    "InstanceNorm1d": (lambda: nn.InstanceNorm1d(4, affine=True), on(2, 4, 9)),
    "LayerNorm": (lambda: nn.LayerNorm((4, 3)), on(2, 4, 3)),
    "GroupNorm": (lambda: nn.GroupNorm(2, 4), on(2, 4, 5)),
    "RMSNorm": (lambda: nn.RMSNorm(5), on(3, 5)),
    "PReLU": (lambda: nn.PReLU(4), on(2, 4, 5)),
    "GRU": (lambda: nn.GRU(4, 5, 2, bidirectional=True), sequence(4)),
    "LSTM": (lambda: nn.LSTM(4, 5, 2, bidirectional=True, proj_size=3), sequence(4)),
    "LSTM without biases": (lambda: nn.LSTM(4, 5, bias=False), sequence(4)),
    "RNN": (lambda: nn.RNN(4, 5, nonlinearity="relu"), sequence(4)),
    "GRUCell": (lambda: nn.GRUCell(4, 5), on(3, 4)),
    "LSTMCell": (lambda: nn.LSTMCell(4, 5), on(3, 4)),
    "RNNCell": (lambda: nn.RNNCell(4, 5), on(3, 4)),
    "MultiheadAttention": (lambda: nn.MultiheadAttention(8, 2, batch_first=True), attend),
    "MultiheadAttention with a bias": (
        lambda: nn.MultiheadAttention(8, 2, add_bias_kv=True, batch_first=True),
        attend,
    ),
    "MultiheadAttention to others": (
        lambda: nn.MultiheadAttention(8, 2, kdim=6, vdim=4, batch_first=True),
        attend_to_others,
    ),
    "TransformerEncoderLayer": (
        lambda: nn.TransformerEncoderLayer(8, 2, 12, dropout=0.0, batch_first=True),
        on(2, 3, 8),
    ),
    "TransformerDecoderLayer": (
        lambda: nn.TransformerDecoderLayer(8, 2, 12, dropout=0.0, batch_first=True),
        lambda layer: layer(batch(2, 3, 8), batch(2, 5, 8)),
    ),
    "Transformer": (
        lambda: nn.Transformer(8, 2, 1, 1, 12, dropout=0.0, batch_first=True),
        lambda layer: layer(batch(2, 3, 8), batch(2, 5, 8)),
    ),
    "AdaptiveLogSoftmaxWithLoss": (
        lambda: nn.AdaptiveLogSoftmaxWithLoss(4, 6, [2, 4], div_value=1.0),
        lambda layer: layer(batch(3, 4), torch.tensor([0, 3, 5])),
    ),
}
RECURRENT = ["GRU", "LSTM", "LSTM without biases", "RNN"]


@pytest.fixture(params=LAYERS)
def layer(request):
    """A layer of each kind, what calls it, and the names of its parameters."""
    make, call = LAYERS[request.param]
    torch.manual_seed(0)
    layer = make()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.1 * torch.rand_like(parameter))
    return layer, call, [name for name, _ in layer.named_parameters()]


def express(layer, names):
    """Give every parameter an expression with the value it has."""
    for name in names:
        parameter = layer.get_parameter(name)
        set_param(layer, name, learn_like(parameter, name="inner", init=Halved(parameter)) * 2)


class Halved:
    """An initialiser from a value: bitwise half of it."""

    def __init__(self, parameter):
        self.parameter = parameter

    def __call__(self, shape):
        return self.parameter.detach() / 2


def flat(outputs):
    """All tensors of a layer's output."""
    if isinstance(outputs, Tensor):
        return [outputs]
    if not isinstance(outputs, tuple):
        return []
    return [tensor for output in outputs for tensor in flat(output)]


def assert_equal(ours, theirs):
    ours, theirs = flat(ours), flat(theirs)
    assert ours
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))


def loss(outputs):
    return sum(output.square().sum() for output in flat(outputs))


def test_a_layer_computes_what_the_plain_one_does(layer):
    layer, call, names = layer
    plain, kinds = copy.deepcopy(layer), [type(module) for module in layer.modules()]

    express(layer, names)

    assert_equal(call(layer), call(plain))
    loss(call(layer)).backward()
    loss(call(plain)).backward()
    for name in names:
        ours = layer.get_submodule(name + "_expr").inner.grad
        theirs = plain.get_parameter(name).grad
        assert torch.allclose(ours, 2 * theirs, rtol=1e-5, atol=1e-6 * (1 + theirs.abs().max()))
    expressed = [module for module in layer.modules() if "Formula" not in type(module).__name__]
    assert all(isinstance(m, kind) for m, kind in zip(expressed, kinds, strict=True))
    assert [type(m).__name__ for m in expressed] == [kind.__name__ for kind in kinds]
    assert [tuple(p.shape) for p in get_params(layer)] == [
        tuple(p.shape) for p in plain.parameters()
    ]


def test_a_layer_computes_the_same_in_evaluation(layer):
    layer, call, names = layer
    plain = copy.deepcopy(layer).eval()
    express(layer, names)
    layer.eval()

    assert_equal(call(layer), call(plain))
    plain.requires_grad_(False)  # torch orders some products by whether a weight is trained
    with torch.no_grad():
        assert_equal(call(layer), call(plain))
    with torch.inference_mode():
        assert_equal(call(layer), call(plain))


def test_a_layer_is_copied_pickled_and_converted_after_a_pass(layer):
    layer, call, names = layer
    express(layer, names)
    expected = loss(call(layer))
    expected.backward()

    copied, pickled = copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))
    converted = copy.deepcopy(layer).double().float()

    for other in (copied, pickled, converted):
        other.zero_grad()
        loss(call(other)).backward()
        own = [p.grad for p in layer.parameters()]
        assert all(torch.equal(p.grad, g) for p, g in zip(other.parameters(), own, strict=True))


def test_a_layer_follows_its_leaves(layer):
    layer, call, names = layer
    express(layer, names)
    before = [output.detach().clone() for output in flat(call(layer))]

    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    loss(call(layer)).backward()
    optimizer.step()
    after = flat(call(layer))

    plain = copy.deepcopy(layer)
    for name in names:
        remove(plain, name)
    assert_equal(tuple(after), call(plain))
    changed = [not torch.equal(a, b) for a, b in zip(after, before, strict=True)]
    assert any(changed)


def test_a_layer_is_plain_again_after_removal(layer):
    layer, call, names = layer
    kinds = [type(module) for module in layer.modules()]
    order, text = list(layer.state_dict()), repr(layer)
    torch.manual_seed(1)
    express(layer, names)
    layer.eval()
    before = call(layer)

    for name in names[::2] + names[1::2]:
        remove(layer, name, keep="value")

    assert_equal(call(layer), before)
    assert [type(module) for module in layer.modules()] == kinds
    assert [name for name, _ in layer.named_parameters()] == names
    assert list(layer.state_dict()) == order
    assert repr(layer) == text
    layer.train()
    loss(call(layer)).backward()
    assert all(p.is_leaf for p in layer.parameters())
    pickle.loads(pickle.dumps(layer))
    copy.deepcopy(layer)


def test_a_layer_in_double_precision_computes_the_plain_numbers(layer):
    layer, call, names = layer
    plain = copy.deepcopy(layer)
    express(layer, names)

    exact = [torch.get_default_dtype(), torch.set_default_dtype(torch.double)][0]
    try:
        assert_equal(call(layer.double()), call(plain.double()))
    finally:
        torch.set_default_dtype(exact)


def test_a_layer_in_print_says_what_is_computed(layer):
    layer, _, names = layer

    express(layer, names)

    for name in names:
        place, _, own = name.rpartition(".")
        assert f"({own}_expr): inner * 2" in repr(layer.get_submodule(place))
    assert len(repr(layer)) < 120 * (4 + len(names) + len(list(layer.modules())))


@pytest.mark.parametrize(
    "kind", ["Linear", "Bilinear", "Conv1d", "ConvTranspose2d", "LayerNorm", "GRU", "GRUCell"]
)
def test_gradients_of_leaves_are_those_of_finite_differences(kind):
    make, call = LAYERS[kind]
    torch.manual_seed(0)
    layer = make().double()
    name = "weight" if hasattr(layer, "weight") else "weight_hh_l0"
    name = name if hasattr(layer, name) else "weight_hh"
    shape = layer.get_parameter(name).shape
    sides = (
        learn(*shape, init=normal(0, 0.3), dtype=torch.double),
        exp(learn(shape[0], *[1] * (len(shape) - 1), init=normal(0, 0.3), dtype=torch.double)),
    )
    set_param(layer, name, torch.tanh(sides[0]) * sides[1])
    formula = layer.get_submodule(name + "_expr")

    def output(one, two):
        names = ["leaf0", "leaf1"]
        values = {f"{name}_expr.{key}": v for key, v in zip(names, (one, two), strict=True)}
        before, exact = torch.get_default_dtype(), torch.double
        torch.set_default_dtype(exact)
        try:
            return torch.func.functional_call(Called(layer, call), prefixed(values), ())
        finally:
            torch.set_default_dtype(before)

    leaves = [p.detach().requires_grad_() for p in (formula.leaf0, formula.leaf1)]
    assert torch.autograd.gradcheck(output, leaves)


class Called(nn.Module):
    def __init__(self, layer, call):
        super().__init__()
        self.layer, self.call = layer, call

    def forward(self):
        return flat(self.call(self.layer))[0]


def prefixed(values):
    return {f"layer.{key}": value for key, value in values.items()}


# Recurrent layers


@pytest.mark.parametrize("kind", RECURRENT)
def test_a_recurrent_layer_with_one_expression_trains_as_the_plain_one(kind):
    make, call = LAYERS[kind]
    torch.manual_seed(0)
    layer = make()
    plain = copy.deepcopy(layer)
    set_param(layer, "weight_hh_l0", learn_like(layer.weight_hh_l0) * 1)

    for each in (layer, plain):
        optimizer = torch.optim.SGD(each.parameters(), lr=0.01)
        for _ in range(3):
            optimizer.zero_grad()
            loss(call(each)).backward()
            optimizer.step()

    for ours, theirs in zip(flat(call(layer)), flat(call(plain)), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("kind", RECURRENT)
def test_a_recurrent_layer_reads_each_weight_once_a_pass(kind):
    make, call = LAYERS[kind]
    layer, reads = make(), []
    counted = expr(lambda weight: reads.append(1) or weight * 1, learn_like(layer.weight_hh_l0))
    set_param(layer, "weight_hh_l0", counted)
    reads.clear()

    call(layer)

    assert len(reads) == 1


def test_a_recurrent_layer_keeps_its_expression_as_weights_are_loaded():
    layer, other = (nn.GRU(4, 5) for _ in range(2))
    for each in (layer, other):
        set_param(each, "weight_hh_l0", softplus(learn(15, 5)))

    layer.load_state_dict(other.state_dict())

    assert_equal(sequence(4)(layer), sequence(4)(other))


def test_packed_sequences_pass_through_expressions():
    layer = nn.LSTM(4, 5)
    plain = copy.deepcopy(layer)
    set_param(layer, "weight_ih_l0", learn_like(layer.weight_ih_l0) * 1)
    packed = nn.utils.rnn.pack_padded_sequence(batch(6, 2, 4), [6, 3])

    assert torch.equal(layer(packed)[0].data, plain(packed)[0].data)


def test_directions_of_a_recurrent_layer_can_be_tied():
    layer = nn.GRU(4, 5, bidirectional=True)
    for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"):
        set_param(layer, name + "_reverse", ref(layer, name))

    x = batch(6, 2, 4)
    output, _ = layer(x)
    turned, _ = layer(x.flip(0))

    assert len(list(layer.parameters())) == 4
    assert torch.allclose(output[..., :5], turned[..., 5:].flip(0), atol=1e-6)


# Attention


def test_attention_takes_its_fast_path_with_expressions():
    layer = nn.TransformerEncoderLayer(8, 2, 12, batch_first=True).eval()
    x = batch(2, 3, 8)
    with torch.no_grad():
        fast = layer(x)
    names = [name for name, _ in layer.named_parameters()]
    express(layer, names)

    with torch.profiler.profile() as profile, torch.no_grad():
        output = layer(x)

    assert torch.equal(output, fast)
    assert any("transformer_encoder_layer_fwd" in event.name for event in profile.events())


def test_an_encoder_stacks_copies_of_an_expressed_layer():
    layer = nn.TransformerEncoderLayer(8, 2, 12, dropout=0.0, batch_first=True)
    set_param(layer.self_attn, "in_proj_weight", learn(24, 3) @ learn(3, 8))
    encoder = nn.TransformerEncoder(layer, 2)
    x = batch(2, 3, 8)

    trained = encoder(x)
    trained.square().sum().backward()
    assert all(p.grad is not None for p in encoder.parameters())
    formulas = [block.self_attn.in_proj_weight_expr for block in encoder.layers]
    assert formulas[0].leaf0 is not formulas[1].leaf0

    encoder.eval()
    mask = torch.tensor([[False, False, False], [False, False, True]])
    with torch.no_grad():
        assert torch.allclose(encoder(x), trained, atol=1e-5)
        assert encoder(x, src_key_padding_mask=mask).isfinite().all()


def test_a_query_and_a_key_can_be_tied():
    layer = nn.MultiheadAttention(8, 2, batch_first=True)
    both, last = learn(8, 8, name="both"), learn(8, 8)
    set_param(layer, "in_proj_weight", torch.cat([both, both, last]))

    attend(layer)[0].square().sum().backward()

    query, key, _ = layer.in_proj_weight.chunk(3)
    assert torch.equal(query, key)
    assert layer.in_proj_weight_expr.both.grad.abs().sum() > 0


# Other containers of parameters


def test_an_embedding_with_sparse_gradients_trains_its_leaves():
    plain = nn.Embedding(6, 3)
    layer = nn.Embedding(6, 3, sparse=True)
    for each in (plain, layer):
        torch.manual_seed(0)
        set_param(each, "weight", exp(learn(6, 3, init=normal(0, 1))))
        each(CODES).square().sum().backward()

    ours, theirs = layer.weight_expr.leaf0.grad, plain.weight_expr.leaf0.grad

    assert torch.allclose(ours.to_dense(), theirs)


def test_running_statistics_go_on_beside_an_expression():
    layer, plain = nn.BatchNorm1d(4), nn.BatchNorm1d(4)
    set_param(layer, "weight", exp(learn(torch.zeros(4))))

    for each in (layer, plain):
        each(batch(6, 4))

    assert torch.equal(layer.running_mean, plain.running_mean)
    assert layer.num_batches_tracked == 1


def test_members_of_a_parameter_list_are_expressions():
    layer = nn.ParameterList([torch.ones(2), torch.ones(3)])
    set_param(layer, "1", exp(learn(3)))

    assert len(layer) == 2
    assert [tuple(p.shape) for p in layer] == [(2,), (3,)]
    assert torch.equal(layer[1], torch.ones(3))
    layer[1].sum().backward()
    assert layer.get_submodule("1_expr").leaf0.grad is not None
    assert torch.equal(copy.deepcopy(layer)[1], torch.ones(3))
    remove(layer, "1")
    assert type(layer) is nn.ParameterList
    assert isinstance(layer[1], nn.Parameter)


def test_members_of_a_parameter_dictionary_are_expressions():
    layer = nn.ParameterDict({"low": torch.ones(2), "high": torch.ones(2)})
    set_param(layer, "high", ref(layer, "low") + exp(learn(2)))

    assert set(layer) == {"low", "high"}
    assert torch.equal(layer["high"], torch.full((2,), 2.0))
    assert all("high" in dict(each.items()) for each in (layer, pickle.loads(pickle.dumps(layer))))


@pytest.mark.parametrize(
    "container", [nn.Sequential(nn.Tanh()), nn.ModuleList([nn.Tanh()]), nn.ModuleDict()]
)
def test_a_container_that_would_take_the_leaves_for_a_layer_is_refused(container):
    count = len(container)

    with pytest.raises(ExpressionError, match=type(container).__name__):
        add_param(container, "gain", exp(learn(1)))

    assert len(container) == count


def test_a_plain_parameter_of_a_sequence_is_no_layer():
    layers = nn.Sequential(nn.Tanh())

    add_param(layers, "gain", 2.0, shape=(1,))

    assert len(layers) == 1
    assert torch.equal(layers(batch(2)), torch.tanh(batch(2)))


def test_a_number_is_added_as_a_scalar_where_no_shape_is_given():
    layer = nn.Tanh()

    add_param(layer, "gain", 2.0)

    assert torch.equal(layer.gain, torch.tensor(2.0))


# Users' modules


class Filter(nn.Module):
    """A user's module: a window, which is a buffer, times its taps."""

    def __init__(self) -> None:
        super().__init__()
        self.taps = nn.Parameter(torch.randn(5))
        self.register_buffer("window", torch.hann_window(5))
        self.register_buffer("hidden", torch.ones(5), persistent=False)

    def forward(self, audio: Tensor) -> Tensor:
        return torch.nn.functional.conv1d(
            audio, (self.window * self.taps * self.hidden)[None, None]
        )


class Guarded(Filter):
    """One that says what is set and read."""

    def __init__(self) -> None:
        self.__dict__["said"] = []
        super().__init__()

    def __setattr__(self, name, value):
        self.said.append(("set", name))
        super().__setattr__(name, value)

    def __getattr__(self, name):
        if name == "twice":
            return 2 * self.taps
        return super().__getattr__(name)


class Slotted(Filter):
    """One with a slot."""

    __slots__ = ("note",)

    def __init__(self) -> None:
        super().__init__()
        self.note = "slotted"


class SelfCopying(Filter):
    """One that copies itself by making another."""

    def __deepcopy__(self, memo):
        other = type(self)()
        memo[id(self)] = other
        other.load_state_dict(self.state_dict())
        return other


class AbstractFilter(Filter, ABC):
    @abstractmethod
    def name(self) -> str: ...


class ConcreteFilter(AbstractFilter):
    def name(self) -> str:
        return "concrete"


class Counting(ABCMeta):
    """A metaclass with behaviour: it counts the instances that are made by a call."""

    def __call__(cls, *args, **kwargs):
        cls.made = getattr(cls, "made", 0) + 1
        return super().__call__(*args, **kwargs)


class Counted(Filter, metaclass=Counting):
    pass


class Registered(Filter):
    """One whose subclasses must say their kind."""

    kinds: dict = {}

    def __init_subclass__(cls, *, kind, **settings):
        super().__init_subclass__(**settings)
        assert kind not in cls.kinds
        cls.kinds[kind] = cls


class RegisteredFilter(Registered, kind="filter"):
    pass


class Sized(Filter):
    """One with required arguments, class attributes and a property."""

    taps_wanted = 5

    def __init__(self, count) -> None:
        super().__init__()
        self.count = count

    @property
    def energy(self) -> Tensor:
        return self.taps.square().sum()


USERS = {
    **{cls.__name__: cls for cls in (Filter, Guarded, Slotted, ConcreteFilter, Counted)},
    "Registered": RegisteredFilter,
    "Sized": lambda: Sized(5),
}


@pytest.fixture(params=USERS)
def user(request):
    torch.manual_seed(0)
    return USERS[request.param]()


def test_a_users_module_computes_what_the_plain_one_does(user):
    plain, kind = copy.deepcopy(user), type(user)
    express(user, ["taps"])

    assert torch.equal(user(batch(2, 1, 9)), plain(batch(2, 1, 9)))
    assert isinstance(user, kind)
    assert type(user).__name__ == kind.__name__
    user(batch(2, 1, 9)).sum().backward()
    plain(batch(2, 1, 9)).sum().backward()
    assert torch.allclose(user.taps_expr.inner.grad, 2 * plain.taps.grad)


def test_a_users_module_is_copied_and_pickled(user):
    express(user, ["taps"])
    user(batch(2, 1, 9))

    for other in (copy.deepcopy(user), pickle.loads(pickle.dumps(user)), copy.copy(user)):
        assert torch.equal(other(batch(2, 1, 9)), user(batch(2, 1, 9)))
        assert type(other) is type(user)


def test_a_users_buffer_is_computed(user):
    plain = copy.deepcopy(user)
    set_param(user, "window", const(torch.hann_window(5)) * learn(torch.ones(1)))

    assert torch.equal(user(batch(2, 1, 9)), plain(batch(2, 1, 9)))
    keys = set(user.state_dict())
    remove(user, "window")

    assert keys == {"taps", "window_expr.const0", "window_expr.leaf0"}
    assert type(user) is type(plain)
    assert list(user.state_dict()) == list(plain.state_dict())
    assert dict(user.named_buffers()).keys() == dict(plain.named_buffers()).keys()


def test_a_hidden_buffer_is_hidden_again_after_removal():
    user = Filter()
    set_param(user, "hidden", exp(learn(5)))
    remove(user, "hidden")

    assert list(user.state_dict()) == ["taps", "window"]


def test_a_user_sees_its_own_hooks_called():
    user = Guarded()
    express(user, ["taps"])
    user.said.clear()

    user.rate = 8000

    assert user.said == [("set", "rate")]
    assert torch.equal(user.twice, 2 * user.taps)
    with pytest.raises(AttributeError, match="no attribute 'tap'"):
        _ = user.tap
    with pytest.raises(ExpressionError, match=r"Guarded\.taps is computed by inner \* 2"):
        user.taps = nn.Parameter(torch.ones(5))


def test_a_slot_is_kept():
    user = Slotted()
    express(user, ["taps"])

    assert user.note == "slotted"


def test_a_module_that_makes_another_of_its_kind_makes_a_plain_one():
    user = SelfCopying()
    express(user, ["taps"])

    made = type(user)()

    assert torch.is_tensor(made.taps)
    assert type(made) is SelfCopying


def test_a_module_that_copies_itself_by_its_weights_says_which_are_missing():
    user = SelfCopying()
    express(user, ["taps"])

    with pytest.raises(RuntimeError, match="taps_expr.inner"):
        copy.deepcopy(user)


def test_a_property_reads_the_computed_parameter():
    user = Sized(5)
    set_param(user, "taps", const(torch.ones(5)) * learn(torch.ones(1)))

    assert user.energy == 5


def test_an_error_within_an_expression_is_not_taken_for_a_missing_attribute():
    layer = nn.Linear(2, 2)
    set_param(layer, "weight", expr(misspelt_when_told, learn(2, 2)))

    misspelt_when_told.told = True
    try:
        with pytest.raises(ExpressionError, match="Linear.weight: .*no attribute 'exq'"):
            layer(torch.ones(1, 2))
    finally:
        misspelt_when_told.told = False


def misspelt_when_told(weight: Tensor) -> Tensor:
    return weight.exq() if misspelt_when_told.told else weight.exp()


misspelt_when_told.told = False


def test_two_modules_of_a_class_have_expressions_of_their_own():
    one, two, plain = (nn.Linear(2, 2) for _ in range(3))
    set_param(one, "weight", const(torch.ones(2, 2)) * learn(torch.ones(1)))
    set_param(two, "weight", const(torch.zeros(2, 2)) * learn(torch.ones(1)))

    assert torch.equal(one.weight, torch.ones(2, 2))
    assert torch.equal(two.weight, torch.zeros(2, 2))
    assert isinstance(plain.weight, nn.Parameter)
    assert type(one) is type(two)


def test_hooks_of_a_module_stay():
    layer, seen = nn.Linear(2, 2), []
    layer.register_forward_hook(lambda *_: seen.append("forward"))
    layer.register_full_backward_hook(lambda *_: seen.append("backward"))

    set_param(layer, "weight", softplus(learn(2, 2)))
    layer(batch(1, 2).requires_grad_()).sum().backward()

    assert seen == ["forward", "backward"]


def test_a_bias_of_none_stays_none():
    layer = nn.Linear(2, 2, bias=False)
    set_param(layer, "weight", softplus(learn(2, 2)))

    assert layer.bias is None
    assert "bias" in copy.deepcopy(layer)._parameters


def test_a_bias_of_none_becomes_an_expression_and_none_again():
    layer = nn.Linear(2, 2, bias=False)
    set_param(layer, "bias", exp(learn(2)))
    assert torch.equal(layer(torch.zeros(1, 2)), torch.ones(1, 2))

    remove(layer, "bias", keep="leaves")

    assert layer.bias is None
    assert torch.equal(layer(torch.zeros(1, 2)), torch.zeros(1, 2))


# Torch's own parametrizations beside expressions


class Negated(nn.Module):
    def forward(self, value: Tensor) -> Tensor:
        return -value

    def right_inverse(self, value: Tensor) -> Tensor:
        return -value


def parametrized():
    """A layer with an expression, and then a parametrization beside it."""
    layer = nn.Linear(4, 5)
    set_param(layer, "weight", softplus(learn(5, 4)))
    parametrize.register_parametrization(layer, "bias", Negated())
    return layer


def test_a_parametrization_works_beside_an_expression():
    layer = parametrized()
    x = batch(3, 4)

    layer(x).sum().backward()
    copied = copy.deepcopy(layer)

    assert torch.allclose(layer(x), x @ layer.weight.T + layer.bias)
    assert all(p.grad is not None for p in layer.parameters())
    assert torch.equal(copied(x), layer(x))


def test_a_parametrization_is_removed_beside_an_expression():
    layer = parametrized()
    before = layer(batch(3, 4)).detach()

    parametrize.remove_parametrizations(layer, "bias")
    assert torch.equal(layer(batch(3, 4)), before)
    remove(layer, "weight")

    assert torch.equal(layer(batch(3, 4)), before)
    assert type(layer) is nn.Linear


def test_a_parametrized_module_is_left_alone_until_torch_has_its_class_back():
    layer = parametrized()
    message = "has a torch parametrization, of bias: parametrize.remove_parametrizations first"

    # Torch changes the class's topmost layer, and takes that for its own.
    with pytest.raises(ExpressionError, match=message):
        set_param(layer, "weight", exp(learn(5, 4)))
    with pytest.raises(ExpressionError, match=message):
        remove(layer, "weight")

    parametrize.remove_parametrizations(layer, "bias")
    set_param(layer, "weight", exp(learn(5, 4)))


def test_a_module_of_a_class_derived_from_ours_is_left_alone():
    layer = nn.Linear(4, 5)
    set_param(layer, "weight", softplus(learn(5, 4)))
    before, ours = layer.weight, type(layer)
    layer.__class__ = type("Sharded", (ours,), {})
    message = r"Sharded\.weight: the module's class was changed to .*Sharded after its expressions"

    for attempt in (
        lambda: set_param(layer, "weight", learn(5, 4)),
        lambda: remove(layer, "weight"),
    ):
        with pytest.raises(ExpressionError, match=message):
            attempt()
    assert torch.equal(layer.weight, before)

    layer.__class__ = ours
    remove(layer, "weight")
    assert torch.equal(layer.weight, before)


def test_a_bag_that_changes_its_weight_in_place_is_refused():
    with pytest.raises(ExpressionError, match="EmbeddingBag.weight: max_norm"):
        set_param(nn.EmbeddingBag(4, 5, max_norm=1.0), "weight", exp(learn(4, 5)))
