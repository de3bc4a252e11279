"""Filters: which values of a distribution may be drawn, from its log-probabilities alone.

Each takes normalised log-probabilities (..., values) in nats, and returns a mask of that shape,
true where a value is kept. All agree on the edges:

- What has probability 0 is never kept; at least one value always is, the most likely where no other
  would be.
- Among equals the lowest index comes first.
- A share of 1, a threshold of 0 keep all that has any probability, whatever sums round to.
- What misses a share or a threshold by a millionth has reached it: ninety values of .01 reach .9,
  in float32 too, whatever they add up to.
- A row that is no distribution (NaN, or probability 0 everywhere) is an error that names it.

Sums are taken in float64 where the device has it. Source of the filters that are named after their
papers: top-k (Fan et al., 2018, https://arxiv.org/abs/1805.04833), nucleus (Holtzman et al., 2020,
https://arxiv.org/abs/1904.09751), locally typical (Meister et al., 2022,
https://arxiv.org/abs/2202.00666), epsilon and eta (Hewitt et al., 2022,
https://arxiv.org/abs/2210.15191), min-p (Nguyen et al., 2024, https://arxiv.org/abs/2407.01082).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from typica.core.errors import ConfigError, RunError

ROUNDING = 1e-6  # of shares, and nats of thresholds: float32 does not know them better

# Surprisals as far from the entropy as one another, to a millionth of a nat, are ties: which of
# them comes first must not hang on rounding.
TIES_PER_NAT = 1 << 20

LEAST = -1e4  # nats: probabilities below exp of this are 0 in float64 too


def top_k(log_probs: Tensor, k: int) -> Tensor:
    """Keep the `k` most likely values: exactly so many, where so many have any probability."""
    check_count("top-k", k)
    check_rows(log_probs)
    if k >= log_probs.shape[-1]:
        return _possible(log_probs)
    least = log_probs.topk(k, -1).values[..., -1:]
    above, ties = log_probs > least, log_probs == least
    places = k - above.sum(-1, keepdim=True)
    return (above | (ties & (ties.cumsum(-1) <= places))) & _possible(log_probs)


def nucleus(log_probs: Tensor, share: float) -> Tensor:
    """Keep the most likely values up to the first at which their probabilities reach `share`."""
    check_share("nucleus", share)
    check_rows(log_probs)
    if share == 1:
        return _possible(log_probs)
    return _first(-_wide(log_probs), log_probs, share)


def typical(log_probs: Tensor, share: float) -> Tensor:
    """Keep the values whose surprisals are nearest to the entropy, until they reach `share`.

    The most likely value may be among those that are left out.
    """
    check_share("typical", share)
    check_rows(log_probs)
    if share == 1:
        return _possible(log_probs)
    finite = _wide(log_probs).clamp_min(LEAST)
    gaps = (finite + entropy(log_probs)[..., None]).abs()
    return _first((gaps * TIES_PER_NAT + 0.5).floor(), log_probs, share)


def epsilon(log_probs: Tensor, least: float) -> Tensor:
    """Keep the values of probability at least `least`."""
    check_threshold("epsilon", least)
    check_rows(log_probs)
    return _at_least(log_probs, log_of(least))


def eta(log_probs: Tensor, least: float) -> Tensor:
    """Keep the values of probability at least min(least, sqrt(least) exp(-entropy))."""
    check_threshold("eta", least)
    check_rows(log_probs)
    floor = (0.5 * log_of(least) - entropy(log_probs)).clamp_max(log_of(least))
    return _at_least(log_probs, floor[..., None])


def min_p(log_probs: Tensor, ratio: float) -> Tensor:
    """Keep the values at least `ratio` times as likely as the most likely."""
    check_threshold("min-p", ratio)
    check_rows(log_probs)
    return _at_least(log_probs, _wide(log_probs).amax(-1, keepdim=True) + log_of(ratio))


def surprise_at_most(log_probs: Tensor, most: Tensor) -> Tensor:
    """Keep the values whose surprisals are at most `most` (...) nats: the filter of mirostat 2."""
    check_rows(log_probs)
    return _at_least(log_probs, -most[..., None])


def entropy(log_probs: Tensor) -> Tensor:
    """Return the entropy of normalised log-probabilities (..., values), in nats; 0 log 0 is 0."""
    wide = _wide(log_probs)
    return -(wide.exp() * wide.clamp_min(LEAST)).sum(-1)


def log_of(probability: float) -> float:
    """Return a logarithm; that of 0 is -inf."""
    return math.log(probability) if probability else -math.inf


def check_share(name: str, share: float) -> None:
    """Refuse what is no share of probability that can be asked for."""
    if not 0 < share <= 1:  # which NaN is not either
        raise ConfigError(f"{name} must be above 0 and at most 1, got {share:g}")


def check_threshold(name: str, value: float) -> None:
    """Refuse what is no threshold of probability."""
    if not 0 <= value <= 1:
        raise ConfigError(f"{name} must be from 0 to 1, got {value:g}")


def check_count(name: str, count: float) -> None:
    """Refuse what is no number of values."""
    if not (count >= 1 and math.isfinite(count) and count == int(count)):
        raise ConfigError(f"{name} must be a whole number of at least 1, got {count:g}")


def check_rows(log_probs: Tensor) -> None:
    """Refuse rows of log-probabilities (..., values) that are no distributions.

    Raises:
        RunError: One holds NaN or infinity, or has probability 0 everywhere; its number is told.
    """
    largest = log_probs.amax(-1)  # which NaN and infinity are too
    if bool(largest.isfinite().all()):
        return
    flat = largest.reshape(-1)
    row = int((~flat.isfinite()).nonzero()[0])
    value = float(flat[row])
    why = "probability 0 everywhere" if value == -math.inf else f"a log-probability of {value:g}"
    raise RunError(f"row {row} of the log-probabilities is no distribution: it has {why}")


def _first(order: Tensor, log_probs: Tensor, share: float) -> Tensor:
    """Keep values in an order, until their probabilities reach a share."""
    possible = _possible(log_probs)
    order = order.where(possible, math.inf)
    index = order.sort(dim=-1, stable=True).indices
    probs = _wide(log_probs).exp().gather(-1, index)
    before = probs.cumsum(-1) - probs
    # The first is kept whatever sums round to.
    kept = (before < share - ROUNDING).index_fill(-1, torch.tensor(0, device=index.device), True)
    return torch.zeros_like(possible).scatter(-1, index, kept) & possible


def _at_least(log_probs: Tensor, floor: Tensor | float) -> Tensor:
    kept = (_wide(log_probs) >= floor - ROUNDING) & _possible(log_probs)
    likeliest = torch.zeros_like(kept).scatter(-1, log_probs.argmax(-1, keepdim=True), True)
    return kept | (likeliest & ~kept.any(-1, keepdim=True))


def _possible(log_probs: Tensor) -> Tensor:
    return log_probs > -math.inf


def _wide(tensor: Tensor) -> Tensor:
    return tensor if tensor.device.type == "mps" else tensor.double()
