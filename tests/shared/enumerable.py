"""Tiny autoregressive models, of which every sequence can be listed with its probability."""

import itertools
import math
from typing import NamedTuple

import torch
from torch.distributions import Categorical

from typica.core.config import Config
from typica.core.model import AutoregressiveModel
from typica.core.randomness import seeded


class Nodes(NamedTuple):
    """Where each sequence stands: (count,) each.

    Attributes:
        node: Number of its past in a tree: 0 before the first symbol, -1 before `initial` is read.
        label: Which table it follows.
    """

    node: torch.Tensor
    label: torch.Tensor


class TableModel(AutoregressiveModel):
    """A row of log-probabilities, float64, for every past: nothing is shared between pasts.

    Pasts are numbered as in a complete tree: symbol s after node n leads to n * levels + 1 + s.
    Beyond the last row the tree begins again, so that sequences of any length are defined.

    Args:
        log_probs: Shape (labels, pasts, levels), normalised along the last axis.
        final: The symbol that ends a sequence, or None.
    """

    config_type = Config
    example = "tokens"
    base_measure = "symbols"
    initial = 0

    def __init__(self, log_probs, final=None):
        super().__init__(Config())
        self.log_probs = torch.nn.Parameter(log_probs.double(), requires_grad=False)
        self.end = final

    @property
    def levels(self):
        return self.log_probs.shape[-1]

    @property
    def final(self):
        return self.end

    @property
    def state_types(self):
        return (Nodes,)

    def symbols(self, x):
        return x.long()

    def render(self, symbols):
        return symbols

    def start(self, count, condition=None):
        label = torch.zeros(count, dtype=torch.long)
        if condition:
            label = condition["label"].values.expand(count)
        return Nodes(torch.full((count,), -1), label)

    def advance(self, previous, state):
        node, label = state
        rows = []
        for symbols in previous.unbind(1):
            inner = node * self.levels + 1 + symbols
            node = torch.where(node < 0, 0, inner) % self.log_probs.shape[1]
            rows.append(self.log_probs[label, node])
        logits = torch.stack(rows, 1)
        return Categorical(logits=logits, validate_args=False), Nodes(node, label)

    def row(self, past, label=0):
        """Return the log-probabilities after a past, a sequence of symbols: the slow way."""
        node = 0
        for symbol in past:
            node = (node * self.levels + 1 + int(symbol)) % self.log_probs.shape[1]
        return self.log_probs[label, node].tolist()


class Sequences(NamedTuple):
    """All sequences of a model, most likely first; ties in the order of their symbols.

    Attributes:
        symbols: Shape (sequences, length), filled with `final` behind the first one.
        log_prob: In nats, float64, (sequences,).
        finished: Whether each has come to its end within `length`, (sequences,).
    """

    symbols: torch.Tensor
    log_prob: torch.Tensor
    finished: torch.Tensor


def random_model(seed, levels=4, depth=5, *, ends=False, labels=1, sharpness=1.0):
    """Make a model of random tables; the last level ends sequences if `ends`."""
    pasts = sum(levels**position for position in range(depth))
    logits = torch.randn(labels, pasts, levels, generator=seeded(seed), dtype=torch.float64)
    return TableModel((sharpness * logits).log_softmax(-1), levels - 1 if ends else None)


def enumerate_sequences(model, length, label=0):
    """List every sequence of `length` symbols, shorter ones filled with the end; see `Sequences`.

    Those of probability 0 are left out. Plain Python over the table, not through `advance`.
    """
    found = []
    for symbols in itertools.product(range(model.levels), repeat=length):
        ends = [at for at, symbol in enumerate(symbols) if symbol == model.final]
        if ends and any(symbol != model.final for symbol in symbols[ends[0] :]):
            continue
        counted = symbols[: ends[0] + 1] if ends else symbols
        log_prob = math.fsum(
            model.row(counted[:at], label)[symbol] for at, symbol in enumerate(counted)
        )
        if log_prob > -math.inf:
            found.append((-log_prob, symbols, bool(ends)))
    found.sort()
    return Sequences(
        torch.tensor([symbols for _, symbols, _ in found]),
        -torch.tensor([nats for nats, _, _ in found], dtype=torch.float64),
        torch.tensor([ends for *_, ends in found]),
    )
