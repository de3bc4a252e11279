"""Rows of floats in numba: copies, sums, gates."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from typica.engines.gated.numba_vectors import CONTRACT, INNER, Address, get, power_of_two, put

F = np.float32


@njit(**INNER, fastmath=CONTRACT, forceinline=True)
def exponential(x: Any) -> Any:
    """Return e to the x, to a relative error of about 1e-7: 2^n times a polynomial of the rest."""
    x = min(max(x, F(-87)), F(88))
    shifted = x * F(1.44269504) + F(12582912)  # rounds to an integer in the low bits
    n = shifted - F(12582912)
    rest = x - n * F(0.693145752)
    rest = rest - n * F(1.42860677e-6)
    p = F(1.9875691500e-4)
    p = p * rest + F(1.3981999507e-3)
    p = p * rest + F(8.3334519073e-3)
    p = p * rest + F(4.1665795894e-2)
    p = p * rest + F(1.6666665459e-1)
    p = p * rest + F(5.0000001201e-1)
    p = p * (rest * rest) + (rest + F(1))
    return p * power_of_two(shifted)


@njit(**INNER, fastmath=CONTRACT, forceinline=True)
def gated(a: Any, b: Any) -> Any:
    """tanh(a) sigmoid(b), by two exponentials and one division."""
    a = min(max(a, F(-20)), F(20))
    b = min(max(b, F(-40)), F(40))
    u, v = exponential(a * F(-2)), exponential(-b)
    return (F(1) - u) / ((F(1) + u) * (F(1) + v))


@njit(**INNER)
def copy(source: Address, at: int, target: Address, to: int, width: int) -> None:
    """Copy a row."""
    for i in range(width):
        put(target, to + i, get(source, at + i))


@njit(**INNER)
def add(source: Address, at: int, target: Address, to: int, width: int) -> None:
    """Add a row to another."""
    for i in range(width):
        put(target, to + i, get(target, to + i) + get(source, at + i))


@njit(**INNER)
def add_times(source: Address, at: int, by: Any, target: Address, to: int, width: int) -> None:
    """Add a multiple of a row to another."""
    for i in range(width):
        put(target, to + i, get(target, to + i) + get(source, at + i) * by)


@njit(**INNER)
def all_gates(gates: Address, product: Address, rows: int, gate: int) -> None:
    """Multiply both paths of each row."""
    for r in range(rows):
        signal = 2 * r * gate
        for i in range(gate):
            both = get(gates, signal + i), get(gates, signal + gate + i)
            put(product, r * gate + i, gated(*both))


@njit(**INNER)
def beyond(base: Address, floats: int) -> Address:
    """Return the address of a float behind another."""
    return base + 4 * floats
