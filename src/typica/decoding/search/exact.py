"""The most likely sequences, found for certain: depth-first branch and bound.

A symbol costs probability and never gives any back. A hypothesis that is already less likely than
the best whole sequence known need not be gone on with.

Source: Stahlberg and Byrne, 2019, https://arxiv.org/abs/1908.10090, section 3; here children are
expanded side by side, which reads some more of them than one after another would.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from typica.core.counts import check_whole
from typica.core.device import wide_on
from typica.core.engine import Engine, EngineState
from typica.core.progress import SILENT, Progress, Task
from typica.decoding.generation import Generation, Stop, count_symbols
from typica.decoding.search.beam import beam_search
from typica.decoding.search.ranking import best_of, has_ended, listed

AT_ONCE = 32  # children of one node that the engine reads side by side


@torch.no_grad()
def exact_search(
    engine: Engine,
    state: EngineState,
    length: int,
    *,
    n_best: int = 1,
    width: int = 8,
    budget: int = 100_000,
    progress: Progress = SILENT,
) -> Generation:
    """Find the most likely sequences of all, the one that ends at once among them.

    The best of a beam search are the first bound. Where much is about as likely, the work grows
    exponentially with the length.

    Args:
        engine: What takes the steps.
        state: Where to go on from; each of its rows is a source.
        length: Symbols at most; what has not ended by then is a sequence too.
        n_best: Sequences wanted of each source.
        width: Of the beam that gives the first bound, at least `n_best`.
        budget: Hypotheses of each source that are expanded at most.
        progress: Hears how far it is.

    Returns:
        For each source its best, fewer than `n_best` where there are no more; `stopped` is
        "proven", or "budget" where nothing is proven and these are the best that were met.

    Raises:
        ConfigError: A number is out of range, or the distributions cannot be listed.
    """
    check_whole(budget=budget, n_best=n_best, width=width)
    width = max(width, n_best)
    first = beam_search(engine, state, length, width=width, n_best=n_best)
    found: list[tuple[int, tuple[int, ...], float]] = []
    stops: list[Stop] = []
    total, ended = budget * state.count, has_ended(engine, state).tolist()
    with progress.task("branch and bound", total=total, unit="expansions") as task:
        for source in range(state.count):
            search = _Search(engine, length, n_best, budget, task)
            search.start(first.of(source))
            stops.append("proven" if ended[source] else search.run(state.pick([source])))
            found += [(source, past, nats) for past, nats in search.best.items()]
    return _generation(engine, found, stops)


class _Children(NamedTuple):
    """Continuations of one hypothesis that may still be the best, most likely first.

    Attributes:
        state: That has read the hypothesis, among others.
        row: Its row there.
        past: Its symbols.
        symbols: That may follow.
        log_probs: Of the hypothesis with each of them.
    """

    state: EngineState
    row: int
    past: tuple[int, ...]
    symbols: Tensor
    log_probs: Tensor


class _Search:
    """The search for one source."""

    def __init__(self, engine: Engine, length: int, n_best: int, budget: int, task: Task) -> None:
        self.engine, self.final = engine, engine.model.final
        self.length, self.n_best, self.budget, self.task = length, n_best, budget, task
        self.best: dict[tuple[int, ...], float] = {}
        self.bound = -torch.inf
        self.stack: list[_Children] = []

    def start(self, first: Generation) -> None:
        """Begin with sequences that are known."""
        rows = zip(first.symbols.tolist(), first.lengths.tolist(), strict=True)
        for (symbols, length), nats in zip(rows, first.log_prob.tolist(), strict=True):
            self._offer(tuple(symbols[:length]), nats)

    def run(self, state: EngineState) -> Stop:
        """Search until nothing is left that could be better, or the budget is spent."""
        root = torch.zeros(1, dtype=wide_on(self.engine.device), device=self.engine.device)
        self._expand(state, [()], root)
        spent = 1
        while self.stack and spent < self.budget:
            children = self._cut(self.stack.pop())
            some = min(AT_ONCE, self.budget - spent, len(children.symbols))
            if not some:
                continue
            rest = children._replace(
                symbols=children.symbols[some:], log_probs=children.log_probs[some:]
            )
            self.stack.append(rest)
            symbols = children.symbols[:some]
            state = children.state.pick([children.row] * some).then(symbols)
            pasts = [(*children.past, symbol) for symbol in symbols.tolist()]
            self._expand(state, pasts, children.log_probs[:some])
            spent += some
            self.task.advance(some)
        self.best = dict(sorted(self.best.items(), key=lambda one: -one[1]))
        is_open = any(len(self._cut(children).symbols) for children in self.stack)
        return "budget" if is_open else "proven"

    def _expand(self, state: EngineState, pasts: list[tuple[int, ...]], nats: Tensor) -> None:
        """Read hypotheses of one length; keep what ends, and what may go on."""
        distribution, after = self.engine.step(state)
        log_probs = nats[:, None] + listed(distribution)
        levels = log_probs.shape[1]
        if len(pasts[0]) + 1 == self.length:
            values, places = best_of(log_probs.view(1, -1), min(self.n_best, log_probs.numel()))
            for value, place in zip(values[0].tolist(), places[0].tolist(), strict=True):
                self._offer((*pasts[place // levels], place % levels), value)
            return
        if self.final is not None:
            for past, value in zip(pasts, log_probs[:, self.final].tolist(), strict=True):
                self._offer((*past, self.final), value)
            log_probs[:, self.final] = -torch.inf
        ordered = log_probs.sort(dim=1, descending=True)
        for row in reversed(range(len(pasts))):  # the most likely is looked at first
            children = _Children(after, row, pasts[row], ordered.indices[row], ordered.values[row])
            self.stack.append(self._cut(children))

    def _cut(self, children: _Children) -> _Children:
        """Leave out what cannot be better any more."""
        some = int((children.log_probs > self.bound).sum())
        return children._replace(
            symbols=children.symbols[:some], log_probs=children.log_probs[:some]
        )

    def _offer(self, symbols: tuple[int, ...], log_prob: float) -> None:
        """Keep a whole sequence if it is among the best."""
        if log_prob <= self.bound:
            return
        self.best[symbols] = log_prob
        if len(self.best) > self.n_best:
            del self.best[min(self.best, key=lambda one: self.best[one])]
        if len(self.best) == self.n_best:
            self.bound = min(self.best.values())


def _generation(
    engine: Engine, found: list[tuple[int, tuple[int, ...], float]], stops: list[Stop]
) -> Generation:
    final, device = engine.model.final, engine.device
    longest = max((len(past) for _, past, _ in found), default=0)
    fill = 0 if final is None else final
    rows = [[*past, *[fill] * (longest - len(past))] for _, past, _ in found]
    symbols = torch.tensor(rows, device=device).view(len(rows), longest)
    lengths, finished = count_symbols(symbols, final)
    source = torch.tensor([source for source, *_ in found], device=device)
    log_prob = torch.tensor([nats for *_, nats in found], dtype=wide_on(device), device=device)
    nothing = torch.zeros_like(log_prob)
    return Generation(symbols, lengths, log_prob, nothing, finished, source, tuple(stops), log_prob)
