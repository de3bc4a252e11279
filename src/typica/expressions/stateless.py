"""Parameters as expressions without touching the module: `with_params`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.func import functional_call
from torch.nn.parameter import is_lazy

from typica.core.errors import ExpressionError, did_you_mean
from typica.expressions.door import check_formula
from typica.expressions.expression import Expression
from typica.expressions.formula import Formula


class WithParams(nn.Module):
    """A module that is called with other parameters than its own.

    Its own are left as they are; `get_params` gives the leaves in their place.

    Args:
        module: The module.
        expressions: Of parameters' paths, such as "1.weight", what is used in their place.
    """

    def __init__(self, module: nn.Module, expressions: Mapping[str, Expression]) -> None:
        super().__init__()
        self.module = module
        self.paths = tuple(expressions)
        formulas = [_formula(module, path, value) for path, value in expressions.items()]
        self.formulas = nn.ModuleList(formulas)

    def replaced(self) -> list[nn.Parameter]:
        """Return the module's own parameters that are not used."""
        return [self.module.get_parameter(path) for path in self.paths]

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Call the module, the expressions evaluated."""
        pairs = zip(self.paths, self.formulas, strict=True)
        values = {path: formula.value() for path, formula in pairs}  # type: ignore[operator]
        return functional_call(self.module, values, args, kwargs)


def with_params(module: nn.Module, expressions: Mapping[str, Expression]) -> WithParams:
    """Return a module that calls another with expressions in place of some parameters.

    For a module whose class must not be changed, or that is called with several sets of
    parameters; `set_param` serves all else.

    Args:
        module: The module; it is not changed.
        expressions: Of parameters' paths, such as "1.weight", what is used in their place.

    Raises:
        ShapeError: A value has another shape than the parameter.
        ExpressionError: There is no such parameter, or the module is scripted.
    """
    if isinstance(module, torch.jit.ScriptModule):
        raise ExpressionError("with_params: a scripted module takes no other parameters")
    return WithParams(module, expressions)


def _formula(module: nn.Module, path: str, expression: Expression) -> Formula:
    known = dict(module.named_parameters())
    if path not in known:
        raise ExpressionError(f"with_params: no parameter {path!r}: {did_you_mean(path, known)}")
    label = f"{type(module).__name__}.{path}"
    if is_lazy(known[path]):
        raise ExpressionError(f"{label} is lazy: call the module once to materialise it")
    formula = Formula(expression, label)
    check_formula(formula, known[path])
    return formula
