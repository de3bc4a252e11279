import copy
import io
import pickle
import sys

import pytest
import torch
from torch import nn

from typica.core.errors import ExpressionError, MissingFeatureError, ShapeError
from typica.expressions import const, exp, get_params, learn, normal, remove, set_param
from typica.expressions.match import match
from typica.expressions.ready.orthogonal import on_manifold, orthogonal, orthonormal

MAPS = ["exp", "cayley", "householder"]
SHAPES = [(5, 5), (7, 3), (3, 7), (6, 1), (1, 1), (4, 2, 3), (2, 3, 2, 2)]

on_maps = pytest.mark.parametrize("map", MAPS)
on_shapes = pytest.mark.parametrize("shape", SHAPES, ids=str)


def error(weight):
    """Return how far the shorter side of a weight is from being orthonormal."""
    matrix = weight.detach().flatten(1).double()
    matrix = matrix if len(matrix) <= matrix.shape[1] else matrix.T
    return (matrix @ matrix.T - torch.eye(len(matrix), dtype=torch.double)).abs().max().item()


def free(shape, scale=2.0, dtype=torch.double):
    return scale * torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(0))


@on_maps
@on_shapes
def test_rows_or_columns_are_orthonormal_wherever_the_leaf_is(map, shape):
    for scale in (0.0, 1.0, 100.0):
        assert error(orthogonal(learn(free(shape, scale)), map).value()) < 1e-12
        assert error(orthogonal(learn(free(shape, scale, torch.float)), map).value()) < 1e-5


@on_maps
@on_shapes
def test_gradients_are_right(map, shape):
    base, turn = (
        part.tensor if part is not None else None for part in orthogonal(free(shape), map).args[1:3]
    )
    leaf = free(shape).requires_grad_()

    assert torch.autograd.gradcheck(lambda x: orthonormal(x, base, turn, map), leaf)


@on_maps
def test_second_gradients_are_right(map):
    leaf = free((4, 2), 0.5).requires_grad_()

    assert torch.autograd.gradgradcheck(lambda x: orthonormal(x, None, None, map), leaf, atol=1e-4)


@on_maps
@on_shapes
def test_all_degrees_of_freedom_move_the_weight_and_no_more(map, shape):
    leaf = free(shape, 0.3)
    size = leaf.numel()

    jacobian = torch.autograd.functional.jacobian(lambda x: orthonormal(x, None, None, map), leaf)
    rank = torch.linalg.matrix_rank(jacobian.reshape(size, size), rtol=1e-9)

    columns = min(shape[0], size // shape[0])
    assert rank == size - columns * (columns + 1) // 2


@on_maps
@on_shapes
def test_the_start_is_the_orthonormal_matrix_nearest_to_a_tensor(map, shape):
    tensor = free(shape)

    start = orthogonal(tensor, map).value()

    u, _, v = torch.linalg.svd(tensor.flatten(1), full_matrices=False)
    torch.testing.assert_close(start.flatten(1), u @ v)
    torch.testing.assert_close(orthogonal(start, map).value(), start)


@on_maps
def test_of_a_shape_the_start_is_drawn(map):
    def draw(seed):
        return orthogonal((6, 4), map, generator=torch.Generator().manual_seed(seed)).value()

    assert torch.equal(draw(0), draw(0))
    assert not torch.equal(draw(0), draw(1))
    assert error(draw(0)) < 1e-6


@on_maps
def test_zero_is_mapped_to_the_identity(map):
    torch.testing.assert_close(orthogonal(learn(torch.zeros(5, 3)), map).value(), torch.eye(5, 3))


def test_of_a_square_leaf_exp_is_the_exponential_and_cayley_the_quotient():
    leaf = free((5, 5), 0.7)
    skew, eye = leaf.tril(-1) - leaf.tril(-1).T, torch.eye(5, dtype=torch.double)

    by_exp, by_cayley = (orthogonal(learn(leaf), map).value() for map in ("exp", "cayley"))

    torch.testing.assert_close(by_exp, torch.linalg.matrix_exp(skew))
    torch.testing.assert_close(by_cayley, (eye + skew / 2) @ torch.linalg.inv(eye - skew / 2))


def test_of_a_tall_leaf_exp_and_cayley_are_columns_of_whole_rotations():
    leaf = free((6, 2), 0.7)
    below, eye = leaf.clone(), torch.eye(6, dtype=torch.double)
    below[:2] = 0
    skew = torch.zeros(6, 6, dtype=torch.double)
    skew[:, :2] = below
    inner = leaf[:2].tril(-1) - leaf[:2].tril(-1).T
    whole = skew - skew.T
    whole[:2, :2] = inner

    by_exp, by_cayley = (orthogonal(learn(leaf), map).value() for map in ("exp", "cayley"))

    turned = torch.linalg.matrix_exp(skew - skew.T)[:, :2] @ torch.linalg.matrix_exp(inner)
    torch.testing.assert_close(by_exp, turned)
    torch.testing.assert_close(by_cayley, ((eye + whole / 2) @ (eye - whole / 2).inverse())[:, :2])


@on_maps
@pytest.mark.parametrize(("inputs", "outputs"), [(24, 24), (8, 40), (40, 8)])
def test_orthogonality_is_kept_over_200_steps_at_a_high_rate(map, inputs, outputs):
    torch.manual_seed(0)
    layer = nn.Linear(inputs, outputs, bias=False)
    set_param(layer, "weight", orthogonal(layer.weight, map))
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.5)
    x, wanted = torch.randn(32, inputs), torch.randn(32, outputs)

    worst, start = 0.0, layer.weight.detach()
    for _ in range(200):
        optimizer.zero_grad()
        (layer(x) - wanted).square().mean().backward()
        optimizer.step()
        worst = max(worst, error(layer.weight))

    assert worst < 1e-5
    assert (layer.weight - start).abs().max() > 0.1


@on_maps
@pytest.mark.parametrize("shape", [(8, 8), (4, 12), (12, 4)])
def test_a_layer_learns_an_orthogonal_map(map, shape):
    torch.manual_seed(0)
    layer = nn.Linear(shape[1], shape[0], bias=False)
    set_param(layer, "weight", orthogonal(layer.weight, map))
    x = torch.randn(64, shape[1])
    target = orthogonal(shape).value().detach()
    if shape[0] == shape[1] and torch.det(target) * torch.det(layer.weight) < 0:
        target[0] *= -1
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.1)

    losses = []
    for _ in range(150):
        optimizer.zero_grad()
        losses.append((layer(x) - x @ target.T).square().mean())
        losses[-1].backward()
        optimizer.step()

    assert losses[-1] < 1e-2 * losses[0]


@on_maps
@on_shapes
def test_match_finds_any_orthonormal_weight(map, shape):
    torch.manual_seed(3)
    layer = nn.Module()
    layer.weight = nn.Parameter(orthogonal(shape).value().detach())
    before = layer.weight.detach().clone()
    expression = orthogonal(shape, map)
    one, other = (w.flatten(1) for w in (before, expression.value()))
    if one.shape[0] == one.shape[1] and torch.det(one) * torch.det(other) < 0:
        expression = orthogonal(before, map)

    match(layer, "weight", expression)

    torch.testing.assert_close(layer.weight, before, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(
    "target",
    [
        torch.eye(4),
        torch.diag(torch.tensor([-1.0, -1, 1, 1])),
        -torch.eye(4),
        torch.eye(4)[[1, 2, 3, 0]] * torch.tensor([[-1.0], [1], [1], [1]]),
        torch.eye(5, 2),
        -torch.eye(5, 2),
        torch.eye(5, 2) * torch.tensor([1.0, -1]),
        torch.eye(5, 2).flip(0),
        -torch.eye(3, 1),
    ],
)
def test_exp_reaches_half_turns(target):
    layer = nn.Module()
    layer.weight = nn.Parameter(target.clone())

    match(layer, "weight", orthogonal(learn(torch.zeros_like(target))))

    torch.testing.assert_close(layer.weight, target)


def test_match_refuses_what_is_not_orthonormal_and_may_take_the_nearest():
    torch.manual_seed(0)
    layer = nn.Linear(3, 5)
    u, _, v = torch.linalg.svd(layer.weight.detach(), full_matrices=False)

    with pytest.raises(ExpressionError, match="cannot have the layer's value"):
        match(layer, "weight", orthogonal((5, 3)))
    match(layer, "weight", orthogonal((5, 3)), nearest=True)

    torch.testing.assert_close(layer.weight, u @ v)


def test_reflections_are_out_of_reach_of_rotations():
    layer = nn.Module()
    layer.weight = nn.Parameter(torch.diag(torch.tensor([-1.0, 1, 1])))

    for map in MAPS:
        with pytest.raises(ExpressionError):
            match(layer, "weight", orthogonal(learn(torch.zeros(3, 3)), map))


@on_maps
def test_half_precision_and_autocast_are_as_orthogonal_as_can_be(map):
    layer = nn.Linear(16, 32)
    set_param(layer, "weight", orthogonal(layer.weight, map))

    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert error(layer.weight) < 1e-6
    layer.bfloat16()

    assert layer.weight.dtype == torch.bfloat16
    assert error(layer.weight) < 0.01


@on_maps
def test_orthogonal_layers_survive_copies_and_compilation(map):
    layer = nn.Conv1d(4, 6, 3)
    set_param(layer, "weight", orthogonal(layer.weight, map))
    layer.weight_expr.leaf0.data.normal_()
    x = torch.randn(2, 4, 9)

    other = nn.Conv1d(4, 6, 3)
    set_param(other, "weight", orthogonal(other.weight, map))
    other.load_state_dict(layer.state_dict())
    compiled = torch.compile(copy.deepcopy(layer), backend="aot_eager", fullgraph=True)

    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), other):
        assert torch.equal(twin(x), layer(x))
    torch.testing.assert_close(compiled(x), layer(x))


def test_a_whole_svd_can_be_learnt():
    layer = nn.Linear(6, 5)
    gains = learn(3, init=normal(0.0, 0.1), name="gains")

    set_param(layer, "weight", (orthogonal((5, 3)) * exp(gains)) @ orthogonal((3, 6)))

    singular = torch.linalg.svdvals(layer.weight.detach())
    torch.testing.assert_close(singular[:3], gains.parameter.exp().sort(descending=True).values)
    assert singular[3:].abs().max() < 1e-6


def test_an_unknown_map_and_a_vector_are_refused():
    with pytest.raises(ExpressionError, match="no map 'caylay': did you mean 'cayley'"):
        orthogonal((3, 3), "caylay")
    with pytest.raises(ShapeError, match=r"needs rows and columns, got shape \(3,\)"):
        orthogonal((3,))


MANIFOLDS = {
    "SO": ((5, 5), {}),
    "Stiefel": ((7, 3), {}),
    "Stiefel wide": ((3, 7), {"triv": "cayley"}),
    "Grassmannian": ((7, 3), {}),
    "Sphere": ((4, 6), {"radius": 2.0}),
    "SphereEmbedded": ((4, 6), {}),
    "LowRank": ((6, 4), {"rank": 2}),
    "FixedRank": ((4, 6), {"rank": 2}),
    "PSD": ((5, 5), {}),
    "PSSD": ((5, 5), {}),
    "PSSDLowRank": ((5, 5), {"rank": 2}),
    "PSSDFixedRank": ((5, 5), {"rank": 2}),
    "AlmostOrthogonal": ((5, 3), {"lam": 0.3}),
    "GLp": ((4, 4), {}),
    "SL": ((4, 4), {}),
    "Hurwitz": ((4, 4), {"alpha": 0.5}),
}

LAWS = {
    "SO": lambda w: error(w) < 1e-5,
    "Stiefel": lambda w: error(w) < 1e-5,
    "Sphere": lambda w: (w.norm(dim=1) - 2).abs().max() < 1e-5,
    "LowRank": lambda w: torch.linalg.svdvals(w)[2:].max() < 1e-5,
    "FixedRank": lambda w: (torch.linalg.svdvals(w) > 1e-5).sum() == 2,
    "PSD": lambda w: (w - w.T).abs().max() < 1e-5 and torch.linalg.eigvalsh(w).min() > -1e-6,
    "PSSDLowRank": lambda w: torch.linalg.eigvalsh(w)[:3].abs().max() < 1e-5,
    "AlmostOrthogonal": lambda w: (torch.linalg.svdvals(w) - 1).abs().max() < 0.3 + 1e-5,
    "SL": lambda w: abs(torch.linalg.det(w) - 1) < 1e-3,
    "Hurwitz": lambda w: torch.linalg.eigvals(w).real.max() < -0.5 + 1e-4,
}


def layer_on(kind):
    shape, settings = MANIFOLDS[kind]
    layer = nn.Linear(shape[1], shape[0])
    set_param(layer, "weight", on_manifold(kind.split()[0], shape, **settings))
    return layer


@pytest.mark.parametrize("kind", MANIFOLDS)
def test_a_manifold_is_not_left_while_training(kind):
    pytest.importorskip("geotorch")
    torch.manual_seed(0)
    layer = layer_on(kind)
    law = LAWS.get(kind.split()[0], lambda w: torch.isfinite(w).all())
    x, wanted = torch.randn(16, layer.in_features), torch.randn(16, layer.out_features)
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.02)

    losses = []
    for _ in range(40):
        assert law(layer.weight.detach())
        optimizer.zero_grad()
        losses.append((layer(x) - wanted).square().mean())
        losses[-1].backward()
        optimizer.step()

    assert losses[-1] < 0.98 * losses[0]


@pytest.mark.parametrize("kind", [kind for kind in MANIFOLDS if kind != "SL"])
def test_layers_on_manifolds_survive_copies(kind):
    pytest.importorskip("geotorch")
    layer = layer_on(kind)
    for parameter in layer.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    x = torch.randn(2, layer.in_features)

    other = layer_on(kind)
    other.load_state_dict(layer.state_dict())
    torch.save(layer, saved := io.BytesIO())
    saved.seek(0)
    twins = [copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), other]
    twins += [torch.load(saved, weights_only=False), copy.deepcopy(layer).double().float()]

    for twin in twins:
        assert torch.equal(twin(x), layer(x))


@pytest.mark.parametrize("kind", ["SO", "Stiefel", "Stiefel wide", "Sphere", "FixedRank", "PSD"])
def test_gradients_through_manifolds_are_right(kind):
    pytest.importorskip("geotorch")
    shape, settings = MANIFOLDS[kind]
    expression = on_manifold(kind.split()[0], on_it(kind).double(), **settings)
    manifold, leaf = (part for part in expression.args)

    assert leaf.parameter.dtype == torch.double
    moved = (leaf.parameter.detach() + 0.1 * free(shape)).requires_grad_()
    assert torch.autograd.gradcheck(manifold.module, moved)


def on_it(kind):
    shape, settings = MANIFOLDS[kind]
    return on_manifold(kind.split()[0], shape, **settings).value().detach()


@pytest.mark.parametrize("kind", ["SO", "Stiefel", "Stiefel wide", "LowRank", "PSD", "Hurwitz"])
def test_a_tensor_on_a_manifold_is_where_it_starts(kind):
    pytest.importorskip("geotorch")
    torch.manual_seed(0)
    tensor = on_it(kind).double()

    expression = on_manifold(kind.split()[0], tensor, **MANIFOLDS[kind][1])

    torch.testing.assert_close(expression.value(), tensor)


@pytest.mark.parametrize("kind", ["SO", "Stiefel", "Stiefel wide", "LowRank", "PSD", "Hurwitz"])
def test_match_finds_a_weight_on_a_manifold(kind):
    pytest.importorskip("geotorch")
    torch.manual_seed(0)
    shape, settings = MANIFOLDS[kind]
    layer = nn.Linear(shape[1], shape[0])
    layer.weight.data = before = on_it(kind)

    match(layer, "weight", on_manifold(kind.split()[0], shape, **settings))

    torch.testing.assert_close(layer.weight, before, atol=1e-5, rtol=1e-5)
    assert len(get_params(layer)) == (4 if kind == "Hurwitz" else 2)


def test_a_manifold_that_was_made_maps_any_expression():
    geotorch = pytest.importorskip("geotorch")
    layer = nn.Linear(4, 4)
    gain = learn(torch.tensor(3.0), name="gain")

    set_param(layer, "weight", on_manifold(geotorch.SO((4, 4)), const(torch.eye(4)) * gain))

    assert error(layer.weight) < 1e-6
    assert list(dict(layer.named_parameters())) == ["bias", "weight_expr.gain"]
    remove(layer, "weight")
    assert error(layer.weight) < 1e-6


def test_what_a_manifold_cannot_be_is_said():
    geotorch = pytest.importorskip("geotorch")

    with pytest.raises(ExpressionError, match="no manifold 'Spere': did you mean 'Sphere'"):
        on_manifold("Spere", (3, 3))
    with pytest.raises(ExpressionError, match=r"SO of shape \(3, 4\): .*square"):
        on_manifold("SO", (3, 4))
    with pytest.raises(ExpressionError, match="PSD cannot give this value .*begin at random"):
        on_manifold("PSD", -torch.eye(3))
    with pytest.raises(ExpressionError, match="has been made, without {'rank': 2}"):
        on_manifold(geotorch.SO((3, 3)), (3, 3), rank=2)


def test_without_geotorch_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "geotorch", None)

    with pytest.raises(MissingFeatureError, match=r"typica\[manifolds\]"):
        on_manifold("SO", (3, 3))


def test_modules_without_an_inverse_are_not_matched():
    layer = nn.Linear(3, 3)

    with pytest.raises(ExpressionError, match="Tanh has no right_inverse"):
        match(layer, "weight", on_manifold(nn.Tanh(), learn(3, 3)))
