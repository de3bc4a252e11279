"""Beam search: the best continuations of several hypotheses, step after step."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from typica.core.engine import Engine, EngineState
from typica.core.errors import ConfigError
from typica.core.progress import SILENT, Progress
from typica.core.session import open_session
from typica.core.spread import spread as spread_of
from typica.decoding.generation import Generation, Stop
from typica.decoding.search.lineage import Lineage
from typica.decoding.search.ranking import best_of, listed, wide
from typica.decoding.search.reward import LengthReward, NoReward

NO_REWARD = NoReward()


@torch.no_grad()
def beam_search(
    engine: Engine,
    state: EngineState,
    length: int,
    *,
    width: int = 8,
    n_best: int | None = None,
    reward: LengthReward = NO_REWARD,
    stop: Literal["bound", "pool"] = "bound",
    spread: bool = False,
    progress: Progress = SILENT,
) -> Generation:
    """Search for likely sequences with a beam of hypotheses.

    At each step all symbols are added to all hypotheses. Of what results the `width` best are
    looked at: those that have come to their end move to a pool of as many places; the beam is
    filled with the best that go on. At the greatest length all that are left move to the pool.

    With `width` 1 and no reward it is greedy decoding; with a width of symbols ** (length - 1) or
    more it is exact, and its list the exact list of the best. In between, wider is not always
    better, even by the model's own score. Of equal scores, the hypothesis that stood higher comes
    first, then the lower symbol.

    Args:
        engine: What takes the steps.
        state: Where to go on from; each of its rows is a source with a beam of its own.
        length: Symbols at most.
        width: Hypotheses of each source.
        n_best: Sequences wanted of each source, at most `width`, which is meant if left out.
        reward: What scores have for the number of symbols.
        stop: "bound" stops a source when nothing that goes on can beat the last of the `n_best`;
            "pool" also when `width` have come to their end.
        spread: Whether entropies and varentropies are wanted.
        progress: Hears how far it is.

    Returns:
        For each source its best, fewer than `n_best` where there are no more; `stopped` is
        "bound", "pool", "length", or "ended" where nothing went on.

    Raises:
        ConfigError: A number is out of range, or the distributions are densities or have more
            than 4,096 levels.
    """
    n_best = width if n_best is None else n_best
    if width < 1 or not 1 <= n_best <= width:
        raise ConfigError(f"a beam needs 1 <= n_best <= width, got {n_best} and {width}")
    if length < 1:
        raise ConfigError(f"at least 1 symbol must be decoded, got {length}")
    beam = _Beam(engine, state, length, width, n_best, reward, stop)
    with progress.task("beam search", total=length, unit="symbols") as task:
        while beam.goes_on:
            beam.step(spread)
            task.advance(1)
    return beam.result()


class _Ended(NamedTuple):
    """Hypotheses that have come to an end, (sources, places) each.

    Attributes:
        score: With the reward for their length; -inf where a place is empty.
        log_prob: Without.
        time: Symbols.
        parent: The row that the last symbol follows.
        symbol: The last one.
    """

    score: Tensor
    log_prob: Tensor
    time: Tensor
    parent: Tensor
    symbol: Tensor

    def with_more(self, more: _Ended) -> _Ended:
        """Return the best of both, as many as there are places."""
        joined = [torch.cat(pair, 1) for pair in zip(self, more, strict=True)]
        _, places = best_of(joined[0], self.score.shape[1])
        return _Ended(*(column.gather(1, places) for column in joined))


class _Beam:
    """A beam for each source that has not stopped."""

    def __init__(
        self,
        engine: Engine,
        state: EngineState,
        length: int,
        width: int,
        n_best: int,
        reward: LengthReward,
        stop: str,
    ) -> None:
        self.final = engine.model.final
        self.length, self.width, self.n_best = length, width, n_best
        self.reward, self.stop = reward, stop
        self.sources, device = state.count, engine.device
        rows = [row for row in range(state.count) for _ in range(width)]
        self.session = open_session(engine, state.pick(rows))
        self.lineage, self.time = Lineage(), 0
        self.scores = torch.full((state.count, width), -torch.inf, dtype=wide(device)).to(device)
        self.scores[:, 0] = 0  # the others are its copies
        self.alive = torch.arange(state.count, device=device)
        numbers = torch.zeros(3, state.count, width, dtype=torch.long, device=device)
        nothing = torch.full_like(self.scores, -torch.inf)
        self.pool = _Ended(nothing, nothing.clone(), *numbers)
        self.stopped: dict[int, Stop] = {}

    @property
    def goes_on(self) -> bool:
        return len(self.alive) > 0

    def step(self, spread: bool) -> None:
        """Add a symbol to every hypothesis."""
        distribution = self.session.step()
        log_probs = listed(distribution)
        if spread:
            self.lineage.measure(*(column[:, 0] for column in spread_of(distribution)))
        self.time += 1
        scores, parents, symbols = self._candidates(log_probs)
        is_final = symbols == (-1 if self.final is None else self.final)
        ends = torch.ones_like(is_final) if self.time == self.length else is_final
        if self.final is not None or self.time == self.length:
            self._pool(scores, parents, symbols, ends)
        if self.time == self.length:
            self.stopped |= dict.fromkeys(self.alive.tolist(), "length")
            self.alive = self.alive[:0]
            return
        if self.final is not None:
            # Each hypothesis ends in one way only: twice the width has enough that go on.
            order = is_final.byte().argsort(dim=1, stable=True)[:, : self.width]
            scores = scores.masked_fill(is_final, -torch.inf).gather(1, order)
            parents, symbols = parents.gather(1, order), symbols.gather(1, order)
            keep = self._check(scores)
            scores, parents, symbols = scores[keep], parents[keep], symbols[keep]
        if self.goes_on:
            self.scores = scores
            self.session.choose(parents.flatten(), symbols.flatten())
            self.lineage.add(parents.flatten(), symbols.flatten())

    def _candidates(self, log_probs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return scores, rows and symbols of the best continuations of each source."""
        sources, levels = len(self.alive), log_probs.shape[1]
        totals = self.scores[:, :, None] + log_probs.view(sources, self.width, levels)
        wanted = self.width if self.final is None else 2 * self.width
        scores, places = best_of(totals.flatten(1), min(wanted, self.width * levels))
        if scores.shape[1] < self.width:  # a single symbol: the rest of the beam is empty
            raise ConfigError("a beam needs at least two symbols to choose from")
        first = torch.arange(sources, device=scores.device)[:, None] * self.width
        return scores, places // levels + first, places % levels

    def _pool(self, scores: Tensor, parents: Tensor, symbols: Tensor, ends: Tensor) -> None:
        """Move those of the best that have ended to the pool."""
        looked_at = slice(None, self.width)
        log_prob = scores.masked_fill(~ends, -torch.inf)[:, looked_at]
        if not bool((log_prob > -torch.inf).any()):
            return
        score = self.reward.score(log_prob, self.time)
        time = torch.full_like(parents[:, looked_at], self.time)
        new = _Ended(score, log_prob, time, parents[:, looked_at], symbols[:, looked_at])
        old = _Ended(*(column[self.alive] for column in self.pool))
        for column, values in zip(self.pool, old.with_more(new), strict=True):
            column[self.alive] = values

    def _check(self, scores: Tensor) -> Tensor:
        """Stop sources that need not go on; return which of the living do."""
        pool = self.pool.score[self.alive]
        worst = pool[:, self.n_best - 1]
        best = self.reward.bound(scores[:, 0], self.time, self.length)
        rules: list[tuple[Tensor, Stop]] = [(scores[:, 0] == -torch.inf, "ended")]
        if self.stop == "pool":
            rules.append((pool[:, -1] > -torch.inf, "pool"))
        rules.append(((worst > -torch.inf) & (best <= worst), "bound"))
        keep, sources = torch.ones_like(self.alive, dtype=torch.bool), self.alive
        for rule, name in rules:
            for source in sources[rule & keep].tolist():
                self.stopped[source] = name
            keep = keep & ~rule
        self.alive = sources[keep]
        return keep

    def result(self) -> Generation:
        """Return the best of the pool."""
        best = _Ended(*(column[:, : self.n_best] for column in self.pool))
        is_there = best.score > -torch.inf
        ended = _Ended(*(column[is_there] for column in best))
        fill = 0 if self.final is None else self.final
        symbols, measured = self.lineage.trace(
            ended.time, ended.parent, ended.symbol, self.length, fill
        )
        longest = max(ended.time.tolist(), default=0)
        entropies, varentropies = measured or (None, None)
        return Generation(
            symbols[:, :longest],
            ended.time,
            ended.log_prob,
            torch.zeros_like(ended.log_prob),
            ended.symbol == (-1 if self.final is None else self.final),
            is_there.nonzero()[:, 0],
            tuple(self.stopped[source] for source in range(self.sources)),
            ended.score,
            None if entropies is None else entropies[:, :longest],
            None if varentropies is None else varentropies[:, :longest],
        )
