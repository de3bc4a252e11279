"""Parameter expressions: any parameter of any torch module as any expression.

from typica.expressions import learn, ref, set_param

set_param(decoder, "weight", ref(encoder, "weight").T)
set_param(dense, "weight", learn(500, 100) @ learn(100, 784))
"""

from torch import exp
from torch.nn.functional import softplus

from typica.expressions.cache import cached, checked
from typica.expressions.door import check_optimizer
from typica.expressions.expression import Expression, expr
from typica.expressions.formula import retie
from typica.expressions.initialise import constant, filled, glorot, normal, ones, uniform, zeros
from typica.expressions.install import add_param, get_expression, remove, set_param, value
from typica.expressions.inverses import inverse_of
from typica.expressions.leaves import const, learn, learn_like, ref
from typica.expressions.match import match
from typica.expressions.ready.elementwise import bounded, positive
from typica.expressions.ready.lowrank import factor, low_rank
from typica.expressions.ready.masks import causal_mask, made_masks, masked
from typica.expressions.ready.matrices import PLU, circulant, plu, psd, symmetric, triangular
from typica.expressions.ready.norms import normalised, weight_norm
from typica.expressions.ready.orthogonal import on_manifold, orthogonal
from typica.expressions.ready.rotations import rotated
from typica.expressions.stateless import WithParams, with_params
from typica.expressions.tags import get_params, param_groups, penalty

__all__ = [
    "Expression",
    "PLU",
    "WithParams",
    "add_param",
    "bounded",
    "cached",
    "causal_mask",
    "check_optimizer",
    "checked",
    "circulant",
    "const",
    "constant",
    "exp",
    "expr",
    "factor",
    "filled",
    "get_expression",
    "get_params",
    "glorot",
    "inverse_of",
    "learn",
    "learn_like",
    "low_rank",
    "made_masks",
    "masked",
    "match",
    "normal",
    "normalised",
    "on_manifold",
    "ones",
    "orthogonal",
    "param_groups",
    "penalty",
    "plu",
    "positive",
    "psd",
    "ref",
    "remove",
    "retie",
    "rotated",
    "set_param",
    "softplus",
    "symmetric",
    "triangular",
    "uniform",
    "value",
    "weight_norm",
    "with_params",
    "zeros",
]
