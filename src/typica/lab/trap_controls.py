"""Two domains of which all is known: where the trap must lie, and where there must be none."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from typica.lab.trap_domain import Domain

TOSSES, HEADS, BEST = 16, 0.75, 12  # the quality is highest at 12 heads, which is typical
STATES, LENGTH = 6, 64
TEMPERATURES = (0.3, 0.5, 0.7, 1.0, 1.2, 1.5)


def coin(count: int, rng: np.random.Generator) -> Domain:
    """Toss coins of many biases; the model's has three heads in four; best are twelve of sixteen.

    At twelve heads d is exactly 0: the cost is that of the entropy.
    """
    bias = rng.uniform(0.3, 1, count)
    heads = rng.binomial(TOSSES, bias)
    own = rng.binomial(TOSSES, HEADS, count)
    sd = np.sqrt(TOSSES * HEADS * (1 - HEADS))
    return Domain(
        name="coin",
        symbol="toss",
        d=_coin_cost(heads),
        z=(BEST - heads) / sd,
        cluster=np.arange(count),
        way=np.full(count, "many biases", dtype=object),
        quality={"closeness to 12 heads": -np.abs(heads - BEST).astype(float)},
        own=_coin_cost(own),
        remark="control: it must turn at 0",
    )


def _coin_cost(heads: NDArray) -> NDArray:
    """Return (nll - H) / L: each head less than expected costs log(3) more."""
    return (TOSSES * HEADS - heads) * np.log(HEADS / (1 - HEADS)) / TOSSES


def perfect_model(count: int, rng: np.random.Generator) -> Domain:
    """Draw from a Markov chain at many temperatures; the model is the chain itself.

    The quality is the true log-probability: it falls as the cost rises, and turns nowhere.
    """
    chain = rng.dirichlet(np.full(STATES, 0.5), STATES)
    chain = (chain + 1e-3) / (chain + 1e-3).sum(1, keepdims=True)
    temperature = rng.choice(TEMPERATURES, count)
    sequences = np.stack([_walk(chain ** (1 / one), rng) for one in temperature])
    own = np.stack([_walk(chain, rng) for _ in range(count)])
    nll = _markov_cost(chain, sequences)
    own_nll = _markov_cost(chain, own)
    excess, variance = _martingale(chain, sequences)
    return Domain(
        name="perfect model",
        symbol="symbol",
        d=(nll - own_nll.mean()) / LENGTH,
        z=excess / np.sqrt(variance),
        cluster=np.arange(count),
        way=np.array([f"T = {one}" for one in temperature], dtype=object),
        quality={"true log-probability": -nll / LENGTH},
        own=(own_nll - own_nll.mean()) / LENGTH,
        remark="control: it must not turn",
    )


def _walk(weights: NDArray, rng: np.random.Generator) -> NDArray:
    """Walk along a chain from state 0; the start is not among the states that are returned."""
    cumulative = (weights / weights.sum(1, keepdims=True)).cumsum(1)
    states, uniform = [0], rng.random(LENGTH)
    for number in uniform:
        states.append(min(int(np.searchsorted(cumulative[states[-1]], number)), STATES - 1))
    return np.array(states[1:])


def _markov_cost(chain: NDArray, sequences: NDArray) -> NDArray:
    return -np.log(chain[_before(sequences), sequences]).sum(1)


def _martingale(chain: NDArray, sequences: NDArray) -> tuple[NDArray, NDArray]:
    """Return the surprisal above expectation, and its variance, along each sequence."""
    surprisal = -np.log(chain)
    entropy = (chain * surprisal).sum(1)
    varentropy = (chain * (surprisal - entropy[:, None]) ** 2).sum(1)
    before = _before(sequences)
    excess = _markov_cost(chain, sequences) - entropy[before].sum(1)
    return excess, varentropy[before].sum(1)


def _before(sequences: NDArray) -> NDArray:
    return np.concatenate([np.zeros((len(sequences), 1), int), sequences[:, :-1]], 1)
