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
from typica.expressions.leaves import const, learn, learn_like, ref
from typica.expressions.ready.lowrank import factor, low_rank
from typica.expressions.stateless import WithParams, with_params
from typica.expressions.tags import get_params, param_groups, penalty

__all__ = [
    "Expression",
    "WithParams",
    "add_param",
    "cached",
    "check_optimizer",
    "checked",
    "const",
    "constant",
    "exp",
    "expr",
    "factor",
    "filled",
    "get_expression",
    "get_params",
    "glorot",
    "learn",
    "learn_like",
    "low_rank",
    "normal",
    "ones",
    "param_groups",
    "penalty",
    "ref",
    "remove",
    "retie",
    "set_param",
    "softplus",
    "uniform",
    "value",
    "with_params",
    "zeros",
]
