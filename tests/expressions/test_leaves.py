import numpy as np
import pytest
import torch
from torch import nn

from typica.core.errors import ExpressionError
from typica.expressions import (
    const,
    constant,
    filled,
    glorot,
    learn,
    learn_like,
    normal,
    ones,
    ref,
    uniform,
    zeros,
)


def test_a_leaf_is_made_from_sizes_a_shape_or_a_value():
    assert learn(5, 4).parameter.shape == (5, 4)
    assert learn((5, 4)).parameter.shape == (5, 4)
    assert learn(torch.Size([5, 4])).parameter.shape == (5, 4)
    assert learn(3).parameter.shape == (3,)
    assert learn(()).parameter.shape == ()
    assert learn(np.int64(5), np.int32(4)).parameter.shape == (5, 4)
    assert learn(np.int64(3)).parameter.shape == (3,)
    assert learn(np.arange(3.0)).parameter.dtype == torch.float32
    assert learn(2, dtype=torch.float64, device="meta").parameter.is_meta


def test_a_tensor_is_copied_and_a_parameter_is_taken():
    tensor, parameter = torch.zeros(2), nn.Parameter(torch.zeros(2))
    copied, taken = learn(tensor), learn(parameter)
    tensor += 1

    assert torch.equal(copied.parameter, torch.zeros(2))
    assert taken.parameter is parameter


def test_learn_like_has_the_value_the_type_and_its_own_memory():
    layer = nn.Linear(3, 4, dtype=torch.float64)

    leaf = learn_like(layer.weight)

    assert torch.equal(leaf.parameter, layer.weight)
    assert leaf.parameter is not layer.weight
    assert learn_like(layer.weight, init=zeros).parameter.dtype == torch.float64


def test_a_constant_is_taken_as_it_is_now():
    layer, number = nn.Linear(2, 2), const(2.5)

    assert not const(layer.weight.T).tensor.requires_grad
    assert number.tensor.item() == 2.5


def test_a_leaf_may_be_frozen():
    assert not learn(2, trainable=False).parameter.requires_grad


def test_bad_leaves_are_refused():
    layer = nn.Linear(2, 2)

    with pytest.raises(ExpressionError, match="an initial value or init, not both"):
        learn(torch.zeros(2), init=zeros)
    with pytest.raises(ExpressionError, match=r"init gave \(3,\) when asked for \(2,\)"):
        learn(2, init=lambda shape: torch.zeros(3))
    for sizes in [(-1, 4), (True, 4), (2.0, 4), (learn(2),)]:
        with pytest.raises(ExpressionError, match="^learn takes sizes, or an initial value"):
            learn(*sizes)
    with pytest.raises(ExpressionError, match=r"takes numbers, and exp\(learn\(2\)\) is computed"):
        const(torch.exp(learn(2)))
    with pytest.raises(ExpressionError, match="must be a word such as 'gain', got 'a.b'"):
        learn(2, name="a.b")
    with pytest.raises(ExpressionError, match="no parameter 'wieght': did you mean 'weight'"):
        ref(layer, "wieght")
    with pytest.raises(ExpressionError, match="no attribute `layers`"):
        ref(layer, "layers.0.weight")
    with pytest.raises(ExpressionError, match='tie_keys must be "both" or "source"'):
        ref(layer, "weight", tie_keys="none")


def test_a_reference_may_be_a_path():
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())

    assert ref(model, "0.weight").module is model[0]


def test_initialisers_have_the_moments_that_they_name():
    generator = torch.Generator().manual_seed(0)
    shape = (500, 784)

    gaussian = normal(-10, 0.01, generator=generator)(shape)
    even = uniform(1, 3, generator=generator)(shape)
    fans = glorot(generator=generator)(shape)

    assert abs(gaussian.mean() + 10) < 1e-3
    assert abs(gaussian.std() - 0.01) < 1e-4
    assert 1 <= even.min() < even.max() <= 3
    assert abs(fans.var() / (2 / 1284) - 1) < 0.01
    assert glorot(gain=2)((8, 4, 3)).abs().max() <= 2 * (6 / 36) ** 0.5
    assert torch.equal(glorot()((3,)), zeros((3,)))
    assert torch.equal(constant(2.5)((2, 1)), 2.5 * ones((2, 1)))


def test_an_initialiser_draws_from_its_own_generator():
    one, other = (normal(generator=torch.Generator().manual_seed(1)) for _ in "ab")
    state = torch.get_rng_state()

    assert torch.equal(one((4,)), other((4,)))
    assert torch.equal(torch.get_rng_state(), state)


def test_torch_fills_a_leaf_too():
    square = filled(nn.init.orthogonal_, gain=2)((4, 4))

    torch.testing.assert_close(square @ square.T, 4 * torch.eye(4))
