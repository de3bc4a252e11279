"""Jitter: frames take the place of their neighbours, in training alone."""

import math

import pytest
import torch

from typica.core.errors import ConfigError
from typica.layers.jitter import Jitter


def numbered(batch=4, frames=50):
    """Frames that tell their row and number, one channel each."""
    rows = torch.arange(batch).float()[:, None, None].expand(batch, 1, frames)
    return torch.cat([rows, torch.arange(frames).float().expand(batch, 1, frames)], 1)


def shifts(jitter, x):
    """How far each frame that comes out was from its place, (batch, frames)."""
    out = jitter(x)
    assert torch.equal(out[:, 0], x[:, 0])  # from its own row
    return out[:, 1] - x[:, 1]


def test_a_frame_is_itself_or_a_neighbour_as_it_came_in():
    for seed in range(20):
        torch.manual_seed(seed)
        found = shifts(Jitter(0.9), numbered())
        assert found.abs().max() == 1
        assert found[:, 1:-1].min() == -1


def test_as_many_are_replaced_as_it_says_half_from_either_side():
    torch.manual_seed(0)
    found = shifts(Jitter(0.12), numbered(400, 100))

    inner = found[:, 1:-1]
    count = inner.numel()
    for side in (-1, 1):
        expected, error = 0.06, math.sqrt(0.06 * 0.94 / count)
        assert (inner == side).float().mean().item() == pytest.approx(expected, abs=4 * error)


def test_an_end_has_one_neighbour_which_takes_both_parts():
    torch.manual_seed(0)
    found = shifts(Jitter(1.0), numbered(50, 8))

    assert (found[:, 0] == 1).all()
    assert (found[:, -1] == -1).all()
    assert set(found[:, 1:-1].flatten().tolist()) == {-1.0, 1.0}


def test_frames_are_replaced_each_by_itself():
    torch.manual_seed(0)
    is_moved = (shifts(Jitter(0.5), numbered(500, 40)) != 0).float()[:, 1:-1]

    together = (is_moved[:, :-1] * is_moved[:, 1:]).mean()

    assert together.item() == pytest.approx(0.25, abs=0.02)


def test_nothing_is_replaced_in_evaluation_or_with_probability_zero():
    x = numbered()

    assert Jitter(0.9).eval()(x) is x
    assert Jitter(0.0)(x) is x
    assert torch.equal(Jitter(1.0)(x[..., :1]), x[..., :1])


def test_the_gradient_goes_to_where_a_frame_came_from():
    torch.manual_seed(0)
    x = numbered(1, 6).requires_grad_()

    out = Jitter(1.0)(x)
    out[0, 1, 2].backward()

    came_from = int(out[0, 1, 2])
    expected = torch.zeros(6)
    expected[came_from] = 1
    assert torch.equal(x.grad[0, 1], expected)


def test_a_probability_is_one():
    with pytest.raises(ConfigError, match="from 0 to 1, got 1.5"):
        Jitter(1.5)
