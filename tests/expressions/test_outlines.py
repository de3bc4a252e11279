"""Models outlined on the device "meta", which holds no numbers, and given their numbers later."""

import pytest
import torch
from torch import nn

from typica.core.errors import ExpressionError
from typica.expressions import (
    bounded,
    causal_mask,
    circulant,
    low_rank,
    made_masks,
    masked,
    match,
    normalised,
    orthogonal,
    plu,
    positive,
    psd,
    rotated,
    set_param,
    symmetric,
    triangular,
    weight_norm,
)


def linear():
    return nn.Linear(6, 6)


def convolution():
    return nn.Conv2d(3, 8, 3)


READY = {
    "positive": (linear, positive),
    "bounded": (linear, lambda w: bounded(w, -1, 1)),
    "normalised": (linear, lambda w: normalised(w, 2.0)),
    "weight norm": (convolution, weight_norm),
    "low rank": (linear, lambda w: low_rank(w, 2)),
    "low rank of a shape": (convolution, lambda w: low_rank(w.shape, 2)),
    "exp": (linear, orthogonal),
    "exp, tall": (convolution, lambda w: orthogonal(w.shape)),
    "cayley": (linear, lambda w: orthogonal(w, "cayley")),
    "householder": (linear, lambda w: orthogonal(w, "householder")),
    "symmetric": (linear, symmetric),
    "psd": (linear, lambda w: psd((6, 2))),
    "psd above a jitter": (linear, lambda w: psd((6, 2), jitter=0.5)),
    "triangular": (linear, lambda w: triangular(w, diagonal="positive")),
    "circulant": (linear, lambda w: circulant((6,))),
    "plu": (linear, lambda w: plu(w).weight),
    "plu of a size": (linear, lambda w: plu(6).weight),
    "masked": (convolution, lambda w: masked(w, causal_mask(w.shape))),
    "masked, one row of a mask": (linear, lambda w: masked(w, torch.arange(6) > 2)),
    "MADE": (linear, lambda w: masked(w, made_masks(6, [])[0])),
    "rotated": (convolution, lambda w: rotated((2, 3, 3, 3))),
    "rotated by eighths": (convolution, lambda w: rotated(w[:1].detach(), copies=8)),
}


def built(name):
    torch.manual_seed(0)
    make, weight = READY[name]
    layer = make()
    set_param(layer, "weight", weight(layer.weight))
    return layer


@pytest.mark.parametrize("name", READY)
def test_an_outline_takes_the_numbers_of_a_model(name):
    layer = built(name)

    with torch.device("meta"):
        outline = built(name)
    assert all(tensor.is_meta for tensor in [*outline.parameters(), *outline.buffers()])
    outline.load_state_dict(layer.state_dict(), strict=True, assign=True)

    assert not outline.weight.is_meta
    assert torch.equal(outline.weight, layer.weight)
    outline.weight.sum().backward()
    assert all(leaf.grad is not None for leaf in outline.parameters() if leaf.ndim > 1)


def test_an_outline_has_no_value_to_match():
    with torch.device("meta"):
        layer = nn.Linear(3, 3)

    with pytest.raises(ExpressionError, match="no finite value to match"):
        match(layer, "weight", positive((3, 3)))
