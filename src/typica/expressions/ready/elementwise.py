"""Entry by entry: weights with a sign, or within bounds, whatever the optimiser does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from typica.core.errors import ExpressionError
from typica.expressions.expression import Expression
from typica.expressions.leaves import as_expression


def positive(
    x: Expression | Tensor | Sequence[int],
    how: Literal["softplus", "exp"] = "softplus",
    minimum: float = 0.0,
) -> Expression:
    """Make all entries positive: log(1 + exp(x)), or exp(x).

    Softplus grows as its leaf does; the exponential changes by ratios, and by large ones at a
    high rate of learning. A ReLU would not do: where it is zero it gets no gradient.

    Args:
        x: Free: an expression, the tensor at which x starts, or the shape, any.
        how: "softplus" or "exp".
        minimum: All entries are above.

    Raises:
        ExpressionError: There is no such `how`.
    """
    if how not in ("softplus", "exp"):
        raise ExpressionError(f'positive: how must be "softplus" or "exp", got {how!r}')
    free = as_expression(x)
    above = torch.exp(free) if how == "exp" else F.softplus(free)  # type: ignore[arg-type]
    return above + minimum if minimum else above  # type: ignore[return-value]


def bounded(x: Expression | Tensor | Sequence[int], low: float, high: float) -> Expression:
    """Keep all entries between two numbers: low + (high - low) sigmoid(x).

    Args:
        x: Free: an expression, the tensor at which x starts, or the shape, any. Zero is the middle.
        low: The lower bound.
        high: The upper bound.

    Raises:
        ExpressionError: The bounds are not in order.
    """
    if not low < high:
        raise ExpressionError(f"bounded: low must be below high, got {low} and {high}")
    return torch.sigmoid(as_expression(x)) * (high - low) + low  # type: ignore[arg-type, return-value]
