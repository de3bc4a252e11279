"""Nats and bits, totals and shares of a dimension: the one place where an epsilon changes unit."""

from __future__ import annotations

import math
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from torch import Tensor

from typica.core.errors import ConfigError, did_you_mean

Unit = Literal["nats", "bits"]
Per = Literal["total", "dim"]

# A Python number, a NumPy array or a tensor: what comes back is of the kind that was given.
Quantity = TypeVar("Quantity", float, np.ndarray, Tensor)

NATS: dict[str, float] = {"nats": 1.0, "bits": math.log(2)}


def to_nats(eps: Quantity, *, unit: Unit, per: Per, n: int | None) -> Quantity:
    """Return an amount of information as nats in all.

    Args:
        eps: The amount, a number or an array of any shape.
        unit: "nats" or "bits"; a bit is ln 2 nats.
        per: "total" if it is for the whole example, "dim" if for each of its dimensions.
        n: Dimensions (or symbols) of an example; None will do for "total".

    Raises:
        ConfigError: The unit is unknown, or `n` is needed and missing.
    """
    return eps * _nats_each(unit, per, n)


def from_nats(nats: Quantity, *, unit: Unit, per: Per, n: int | None) -> Quantity:
    """Undo `to_nats`.

    Raises:
        ConfigError: The unit is unknown, or `n` is needed and missing.
    """
    return nats / _nats_each(unit, per, n)


def radius_in_nats(eps: Quantity, *, unit: Unit, per: Per, n: int | None) -> Quantity:
    """Return the epsilon of a typical set as nats in all; see `to_nats`.

    Raises:
        ConfigError: It is negative or not a number, or see `to_nats`.
    """
    nats = to_nats(eps, unit=unit, per=per, n=n)
    if not bool(np.all(as_array(nats) >= 0)):
        raise ConfigError(f"eps must be zero or positive, got {eps}")
    return nats


def as_array(quantity: Any) -> np.ndarray:
    """Return a number, an array or a tensor as an array of float64."""
    if isinstance(quantity, Tensor):
        quantity = quantity.detach().cpu().numpy()
    return np.asarray(quantity, dtype=np.float64)


def like(result: Any, *given: Any) -> Any:
    """Return a result as what it was computed from: tensor, array or else a Python number."""
    if any(isinstance(one, Tensor) for one in given):
        return torch.as_tensor(result, dtype=torch.float64)
    if np.ndim(result) or any(isinstance(one, np.ndarray) for one in given):
        return np.asarray(result)
    return float(result)


def whole(name: str, value: Any, *, least: int = 1) -> int:
    """Return a count as an integer.

    Raises:
        ConfigError: It is no whole number, or less than `least`.
    """
    try:
        count = int(value)
        right = count == float(value) and count >= least and not isinstance(value, bool)
    except (TypeError, ValueError, OverflowError):
        right = False
    if not right:
        raise ConfigError(f"{name} must be a whole number of at least {least}, got {value}")
    return count


def _nats_each(unit: str, per: str, n: int | None) -> float:
    if unit not in NATS:
        raise ConfigError(f"there is no unit {unit!r}: {did_you_mean(unit, NATS)}")
    if per == "total":
        return NATS[unit]
    if per != "dim":
        raise ConfigError(f"per must be 'total' or 'dim', got {per!r}")
    if n is None:
        raise ConfigError("an eps per dimension needs n, the number of dimensions")
    return NATS[unit] * whole("n", n)
