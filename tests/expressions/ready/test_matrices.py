import copy
import pickle

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from typica.core.errors import ExpressionError, ShapeError
from typica.expressions import add_param, get_params, learn, set_param
from typica.expressions.match import match
from typica.expressions.ready.matrices import (
    circulant,
    plu,
    plu_product,
    psd,
    rolled,
    symmetric,
    triangle,
    triangular,
)


def drawn(*shape, dtype=torch.float64, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


SEEDS, SIZES = st.integers(0, 10**6), st.integers(1, 7)


@given(SEEDS, SIZES)
def test_symmetric_is_its_transpose_and_leaves_symmetric_matrices_alone(seed, n):
    y = symmetric(drawn(2, n, n, seed=seed)).value()

    assert torch.equal(y, y.mT)
    torch.testing.assert_close(symmetric(y).value(), y)


@given(SEEDS, SIZES, SIZES, st.sampled_from([0.0, 0.3]))
def test_psd_has_no_eigenvalue_below_its_jitter(seed, n, rank, jitter):
    y = psd(drawn(2, n, rank, seed=seed), jitter).value()

    values = torch.linalg.eigvalsh(y)
    assert (values >= jitter - 1e-9).all()
    assert ((values > jitter + 1e-9).sum(-1) <= rank).all()


@given(SEEDS, SIZES, st.booleans(), st.sampled_from(["free", "unit", "positive"]))
def test_triangular_is_zero_beyond_and_its_determinant_is_its_diagonal(seed, n, upper, diagonal):
    x = drawn(2, n, n, seed=seed)

    y = triangular(x, upper, diagonal).value()

    assert torch.equal(y, y.triu() if upper else y.tril())
    strictly = x.triu(1) if upper else x.tril(-1)
    assert torch.equal(y.triu(1) if upper else y.tril(-1), strictly)
    kinds = {"free": x, "unit": torch.ones_like(x), "positive": x.exp()}
    assert torch.equal(*(z.diagonal(dim1=1, dim2=2) for z in (y, kinds[diagonal])))


def test_a_positive_triangle_is_the_cholesky_factor_of_its_square():
    y = triangular(drawn(5, 5), diagonal="positive").value()

    torch.testing.assert_close(torch.linalg.cholesky(y @ y.mT), y)


@given(SEEDS, st.integers(3, 9))
def test_circulant_is_torchs_circular_convolution(seed, n):
    row, signal = drawn(n, seed=seed), drawn(n, seed=seed + 1)

    y = circulant(row).value() @ signal

    padded = torch.cat([signal, signal[:-1]])
    torch.testing.assert_close(y, F.conv1d(padded[None, None], row[None, None])[0, 0])
    spectrum = torch.fft.fft(row).conj() * torch.fft.fft(signal)
    torch.testing.assert_close(y, torch.fft.ifft(spectrum).real)


def test_the_first_row_of_a_circulant_matrix_is_its_leaf():
    rows = drawn(2, 5)

    y = circulant(rows).value()

    assert torch.equal(y[:, 0], rows)
    assert torch.equal(y[:, 1], rows.roll(1, -1))
    assert circulant((8,)).value().abs().sum() > 0


@given(SEEDS, SIZES)
def test_plu_is_the_matrix_and_knows_its_determinant(seed, n):
    weight = drawn(n, n, seed=seed)
    if torch.linalg.cond(weight) > 1e6:
        return

    matrix, log_abs_det = plu(weight)

    torch.testing.assert_close(matrix.value(), weight)
    torch.testing.assert_close(log_abs_det.value(), torch.linalg.slogdet(weight).logabsdet)


def test_the_determinant_is_right_wherever_the_leaves_go():
    conv = nn.Conv1d(5, 5, 1, bias=False).double()
    weight, log_abs_det = plu(conv.weight)
    set_param(conv, "weight", weight)
    add_param(conv, "log_abs_det", log_abs_det)
    for parameter in conv.parameters():
        parameter.data += drawn(*parameter.shape, seed=3)

    conv.log_abs_det.backward()
    ours = [p.grad.clone() for p in get_params(conv) if p.grad is not None]
    conv.zero_grad()
    torch.linalg.slogdet(conv.weight[:, :, 0]).logabsdet.backward()
    theirs = {p: p.grad for p in get_params(conv)}

    torch.testing.assert_close(
        conv.log_abs_det, torch.linalg.slogdet(conv.weight[:, :, 0]).logabsdet
    )
    (log_scale,) = (p for p in theirs if p.ndim == 1)
    torch.testing.assert_close(ours[0], theirs[log_scale])
    assert all(g.abs().max() < 1e-9 for p, g in theirs.items() if p is not log_scale)


def test_both_expressions_share_their_leaves_and_copies_do_too():
    conv = nn.Conv2d(4, 4, 1, bias=False)
    weight, log_abs_det = plu(conv.weight)
    set_param(conv, "weight", weight)
    add_param(conv, "log_abs_det", log_abs_det)

    for module in (conv, copy.deepcopy(conv), pickle.loads(pickle.dumps(conv))):
        assert len(get_params(module)) == 3
        for parameter in module.parameters():
            parameter.data += 0.1
        expected = torch.linalg.slogdet(module.weight[:, :, 0, 0]).logabsdet
        torch.testing.assert_close(module.log_abs_det, expected)


def test_a_drawn_plu_is_a_rotation():
    one, two = (plu(6, generator=torch.Generator().manual_seed(1)) for _ in "ab")

    y = one.weight.value()

    torch.testing.assert_close(y @ y.T, torch.eye(6), rtol=0, atol=1e-5)
    torch.testing.assert_close(one.log_abs_det.value(), torch.zeros(()), rtol=0, atol=1e-5)
    assert torch.equal(y, two.weight.value())


def test_permutation_and_signs_are_constant_and_saved():
    layer = nn.Linear(4, 4, bias=False)
    set_param(layer, "weight", plu(layer.weight).weight)

    names = [name.removeprefix("weight_expr.") for name, _ in layer.named_parameters()]
    assert names == ["lower", "upper", "log_scale"]
    assert {"weight_expr.order", "weight_expr.signs"} <= layer.state_dict().keys()
    assert layer.double().weight.dtype == torch.float64


def test_gradients_are_right():
    x, row = drawn(2, 3, 3).requires_grad_(), drawn(2, 4).requires_grad_()
    for upper in (False, True):
        for diagonal in ("free", "unit", "positive"):
            assert torch.autograd.gradcheck(lambda x, u=upper, d=diagonal: triangle(x, u, d), (x,))
    assert torch.autograd.gradcheck(rolled, (row,))
    parts = drawn(3, 3), drawn(3, 3, seed=1), drawn(3, seed=2)
    lower, upper, log_scale = (part.requires_grad_() for part in parts)
    order, signs = torch.tensor([2, 0, 1]), torch.tensor([1.0, -1.0, 1.0], dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda a, b, c: plu_product(order, a, b, signs, c), (lower, upper, log_scale)
    )


SQUARE = drawn(5, 5, dtype=torch.float32)

MATCHED = {
    "symmetric": (SQUARE + SQUARE.T, lambda: symmetric((5, 5))),
    "psd": (SQUARE @ SQUARE.T, lambda: psd((5, 5))),
    "psd of low rank": (SQUARE[:, :2] @ SQUARE[:, :2].T, lambda: psd((5, 2))),
    "psd and jitter": (SQUARE @ SQUARE.T + 0.1 * torch.eye(5), lambda: psd((5, 5), 0.1)),
    "lower": (SQUARE.tril(), lambda: triangular((5, 5))),
    "upper": (SQUARE.triu(), lambda: triangular((5, 5), upper=True)),
    "unit": (SQUARE.tril(-1) + torch.eye(5), lambda: triangular((5, 5), diagonal="unit")),
    "positive": (
        SQUARE.triu(1) + 2 * torch.eye(5),
        lambda: triangular((5, 5), upper=True, diagonal="positive"),
    ),
    "circulant": (rolled(SQUARE[0]), lambda: circulant((5,))),
    "plu": (SQUARE, lambda: plu(SQUARE + 0.01).weight),
    "cholesky": (
        SQUARE @ SQUARE.T,
        lambda: (lambda x: x @ x.mT)(learn(5, 5)),
    ),
}


@pytest.mark.parametrize("name", MATCHED)
def test_a_matched_layer_gives_the_same_and_then_trains(name):
    weight, make = MATCHED[name]
    layer, x = nn.Linear(5, 5), drawn(16, 5, dtype=torch.float32, seed=4)
    layer.weight.data = weight.clone()
    before = layer(x).detach()

    match(layer, "weight", make())

    torch.testing.assert_close(layer.weight, weight, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(layer(x), before, rtol=1e-4, atol=1e-4)
    optimizer = torch.optim.SGD(layer.parameters(), lr=1e-3)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        losses.append((layer(x) - 1).square().mean())
        losses[-1].backward()
        optimizer.step()
    assert losses[-1] < losses[0]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: symmetric((5, 5)), "the nearest found is .* away"),
        (lambda: psd((5, 5)), "the smallest eigenvalue is -"),
        (lambda: psd((5, 5), 0.1), "the smallest eigenvalue is -"),
        (lambda: triangular((5, 5)), "the nearest found is .* away"),
        (lambda: triangular((5, 5), diagonal="unit"), "the nearest found is .* away"),
        (
            lambda: triangular((5, 5), diagonal="positive"),
            "an entry of the diagonal is -2, not positive",
        ),
        (lambda: circulant((5,)), "the nearest found is .* away"),
        (
            lambda: plu(torch.eye(5).flip(0)).weight,
            r"its permutation and signs are another weight's: use plu\(weight\)",
        ),
    ],
)
def test_what_is_of_another_kind_is_told(make, reason):
    layer = nn.Linear(5, 5)
    layer.weight.data = SQUARE.clone()
    layer.weight.data[0, 0] = -2

    with pytest.raises(
        ExpressionError, match="Linear.weight: .* cannot have the layer's value: " + reason
    ):
        match(layer, "weight", make())

    assert type(layer) is nn.Linear


def test_the_nearest_circulant_and_symmetric_matrices_are_means():
    layers = [nn.Linear(5, 5) for _ in "ab"]
    for layer in layers:
        layer.weight.data = SQUARE.clone()

    match(layers[0], "weight", symmetric((5, 5)), nearest=True)
    match(layers[1], "weight", circulant((5,)), nearest=True)

    torch.testing.assert_close(layers[0].weight, (SQUARE + SQUARE.T) / 2)
    shifted = torch.stack([SQUARE.roll((-k, -k), (0, 1)) for k in range(5)])
    torch.testing.assert_close(layers[1].weight, shifted.mean(0))


def test_shapes_and_settings_that_do_not_fit_are_refused():
    with pytest.raises(
        ShapeError, match=r"symmetric: x must have shape \(..., n, n\), got \(3, 4\)"
    ):
        symmetric((3, 4))
    with pytest.raises(
        ShapeError, match=r"triangular: x must have shape \(..., n, n\), got \(3,\)"
    ):
        triangular(torch.zeros(3))
    with pytest.raises(ShapeError, match=r"psd: x must have shape \(..., n, rank\), got \(3,\)"):
        psd((3,))
    with pytest.raises(ShapeError, match=r"circulant: a row must have shape \(..., n\), got \(\)"):
        circulant(())
    with pytest.raises(ShapeError, match=r"plu: weight must have shape \(n, n\), got \(4, 4, 3\)"):
        plu(torch.zeros(4, 4, 3))
    with pytest.raises(ExpressionError, match="psd: jitter must not be negative, got -1"):
        psd((3, 3), -1)
    with pytest.raises(ExpressionError, match='triangular: diagonal must be "free", "unit" or'):
        triangular((3, 3), diagonal="one")
    with pytest.raises(ExpressionError, match="plu: the weight is singular, and has no inverse"):
        plu(torch.ones(3, 3))
