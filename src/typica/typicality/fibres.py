"""How many originals share a code, and how probability splits between code and original.

A map z = e(x) groups originals: the fibre of a code is all that is mapped to it. Then
p(z) is the sum of p(x) over the fibre, and log p(x) = log p(z) + log p(x | z). If all members of a
fibre are equally likely, the last term is minus the logarithm of its size: why a group of sequences
none of which is likely may beat the likeliest of all.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from typica.core.errors import DataError


def log_orders(counts: ArrayLike) -> NDArray[np.float64]:
    """Return the logarithm of the number of orders of a multiset, n! / (m_1! m_2! ...).

    Args:
        counts: How often each symbol comes, shape (..., symbols).

    Returns:
        Nats, shape (...,).

    Raises:
        DataError: A count is negative or not a whole number.
    """
    counts = np.asarray(counts)
    if np.any(counts < 0) or np.any(counts != np.floor(counts)):
        raise DataError("symbols are counted in whole numbers from 0 up: got something else")
    return gammaln(counts.sum(-1) + 1.0) - gammaln(counts + 1.0).sum(-1)


def log_dropped(bits: int, values: int) -> float:
    """Return the logarithm of the number of ways to fill in `bits` lost bits of each value."""
    return bits * values * math.log(2)


class Split(NamedTuple):
    """The two terms of log p(x) = log p(z) + log p(x | z), in nats, shape (outcomes,)."""

    code: NDArray[np.float64]
    rest: NDArray[np.float64]


class Entropies(NamedTuple):
    """The three terms of H(X) = H(Z) + H(X | Z), in nats."""

    original: float
    code: float
    rest: float


def split_log_prob(log_prob: ArrayLike, codes: ArrayLike) -> Split:
    """Split the log-probability of each outcome of an enumerated distribution at its code.

    Args:
        log_prob: Nats of every outcome, shape (outcomes,); they sum to one.
        codes: The code of every outcome, shape (outcomes,) or (outcomes, values).

    Raises:
        DataError: There is not one code an outcome, or the probabilities do not sum to one.
    """
    log_prob, codes = np.asarray(log_prob, np.float64), np.asarray(codes)
    if len(codes) != len(log_prob):
        raise DataError(f"got {len(codes)} codes for {len(log_prob)} outcomes: give one for each")
    if abs(np.exp(log_prob).sum() - 1) > 1e-6:
        raise DataError("the probabilities must be of all outcomes: they do not sum to one")
    _, group = np.unique(codes, axis=0, return_inverse=True)
    group = group.reshape(-1)
    log_mass = np.full(group.max() + 1, -np.inf)
    np.logaddexp.at(log_mass, group, log_prob)
    code = log_mass[group]
    return Split(code, log_prob - code)


def entropy_chain(log_prob: ArrayLike, codes: ArrayLike) -> Entropies:
    """Return the entropies of an enumerated distribution, of its code, and of what is left.

    Arguments and errors as of `split_log_prob`; outcomes of probability zero are allowed.
    """
    log_prob = np.asarray(log_prob, np.float64)
    code, rest = split_log_prob(log_prob, codes)
    possible = np.isfinite(log_prob)
    weight = np.exp(log_prob[possible])
    terms = (-float(weight @ term[possible]) for term in (log_prob, code, rest))
    return Entropies(*terms)
