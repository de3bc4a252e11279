"""Domains of which all is known: where the trap must lie, and where there must be none.

A coin; a Markov chain that is its own model; and a chain of the second order whose model is a
bigram that was fitted to its sequences: an imperfect model, where quality is not likelihood.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from typica.lab.trap_domain import Again, Domain

TOSSES, HEADS, BEST = 16, 0.75, 12  # the quality is highest at 12 heads, which is typical
STATES, LENGTH = 6, 64
TEMPERATURES = (0.3, 0.5, 0.7, 1.0, 1.2, 1.5)
HEARD = 300  # sequences of the second order that the bigram is fitted to
SLIP = 0.02  # probability of the steps that break the rule


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
        remark="Control: it must turn at 0.",
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
        symbols=sequences.tolist(),
        again=_own_again(nll, own_nll),
        remark="Control: it must not turn, for quality is likelihood.",
    )


def imperfect_model(count: int, rng: np.random.Generator) -> Domain:
    """Draw from a bigram, fitted to a chain of the second order, at many temperatures.

    The qualities are the true log-probability and the share of steps that follow the true rule.
    """
    true = second_order_chain(rng)
    chain = fitted_bigram(_walk_in_pairs(true, HEARD, rng))
    temperature = rng.choice(TEMPERATURES, count)
    sequences = np.stack([_walk(chain ** (1 / one), rng) for one in temperature])
    own = np.stack([_walk(chain, rng) for _ in range(count)])
    nll, own_nll = _markov_cost(chain, sequences), _markov_cost(chain, own)
    excess, variance = _martingale(chain, sequences)
    last = _before(sequences)
    before = _before(last)
    steps = true[before, last, sequences]
    follows_the_rule = (sequences == last) == (last != before)
    return Domain(
        name="imperfect model",
        symbol="symbol",
        d=(nll - own_nll.mean()) / LENGTH,
        z=excess / np.sqrt(variance),
        cluster=np.arange(count),
        way=np.array([f"T = {one}" for one in temperature], dtype=object),
        quality={
            "true log-probability": np.log(steps).mean(1),
            "grammatical steps": follows_the_rule.mean(1),
        },
        own=(own_nll - own_nll.mean()) / LENGTH,
        symbols=sequences.tolist(),
        again=_own_again(nll, own_nll),
        remark=(
            "Control: a bigram of a source of the second order; where its qualities are highest is "
            "known from many more sequences, and a test holds the intervals to it."
        ),
    )


def second_order_chain(rng: np.random.Generator) -> NDArray:
    """Return probabilities (before last, last, next) of a source that says everything twice.

    A state that is new is said again, one that was said twice is left. A bigram of it stays half of
    the time: its likeliest sequence says one state for ever.
    """
    moves = rng.dirichlet(np.full(STATES, 0.5), STATES) + 1e-2
    np.fill_diagonal(moves, 0)
    moves /= moves.sum(1, keepdims=True)
    stays = np.broadcast_to(np.where(np.eye(STATES, dtype=bool), SLIP, 1 - SLIP), (STATES,) * 2)
    return stays[..., None] * np.eye(STATES) + (1 - stays)[..., None] * moves


def fitted_bigram(sequences: NDArray) -> NDArray:
    """Return the bigram (last, next) of sequences, one added to each count."""
    counts = np.ones((STATES, STATES))
    np.add.at(counts, (_before(sequences), sequences), 1)
    return counts / counts.sum(1, keepdims=True)


def _walk_in_pairs(chain: NDArray, count: int, rng: np.random.Generator) -> NDArray:
    """Walk along a chain of the second order from states 0 and 0, (count, length)."""
    cumulative, walks = chain.cumsum(-1), np.zeros((count, LENGTH + 2), int)
    for step in range(2, LENGTH + 2):
        bound = cumulative[walks[:, step - 2], walks[:, step - 1]]
        walks[:, step] = (bound < rng.random((count, 1))).sum(1).clip(max=STATES - 1)
    return walks[:, 2:]


def _own_again(nll: NDArray, own_nll: NDArray) -> Again:
    """Return what draws the model's own samples again, by whose mean the entropy is known."""

    def again(rng: np.random.Generator) -> tuple[NDArray, NDArray]:
        drawn = rng.choice(own_nll, len(own_nll))
        return (nll - drawn.mean()) / LENGTH, (drawn - drawn.mean()) / LENGTH

    return again


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
