"""The hypotheses of a beam search, for several sources side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor
from torch.distributions import Distribution

from typica.core.counts import check_whole
from typica.core.device import wide_on
from typica.core.engine import Engine
from typica.core.errors import ConfigError
from typica.core.progress import Progress
from typica.core.session import BeamSession, Session
from typica.core.spread import spread as spread_of
from typica.decoding.generation import Generation, Stop
from typica.decoding.search.lineage import Last, Lineage
from typica.decoding.search.ranking import best_of, ending, listed
from typica.decoding.search.reward import LengthReward, NoReward

StopRule = Literal["bound", "pool"]

STRETCH = 256  # steps that an engine takes by itself


@dataclass(frozen=True)
class Rules:
    """How wide a beam is, and when it stops; see `beam_search`.

    Raises:
        ConfigError: `n_best` is not from 1 to `width`, or there is no such rule to stop by.
    """

    width: int
    n_best: int
    reward: LengthReward = NoReward()
    stop: StopRule = "bound"

    def __post_init__(self) -> None:
        check_whole(width=self.width, n_best=self.n_best)
        if self.stop not in get_args(StopRule):
            known = " or ".join(get_args(StopRule))
            raise ConfigError(f"a beam search stops by {known}, not by {self.stop!r}")
        if self.n_best > self.width:
            raise ConfigError(
                f"a beam needs 1 <= n_best <= width, got {self.n_best} and {self.width}"
            )


class Ended(NamedTuple):
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

    def with_more(self, more: Ended) -> Ended:
        """Return the best of both, as many as there are places."""
        joined = [torch.cat(pair, 1) for pair in zip(self, more, strict=True)]
        _, places = best_of(joined[0], self.score.shape[1])
        return Ended(*(column.gather(1, places) for column in joined))


class Beam:
    """A beam for each source that has not stopped.

    Args:
        engine: Whose session it is.
        session: With as many rows for each source as the beam is wide.
        ended: Which sources have come to their end already, (sources,).
        length: Symbols at most.
        rules: How wide it is, and when it stops.
        read: What all symbols are worth that may follow, (rows, symbols), of a distribution.
    """

    def __init__(
        self,
        engine: Engine,
        session: Session,
        ended: Tensor,
        length: int,
        rules: Rules,
        read: Callable[[Distribution], Tensor] = listed,
    ) -> None:
        self.final, device = engine.model.final, engine.device
        self.session, self.ended, self.length = session, ended, length
        self.sources = sources = len(ended)
        self.rules, self.read = rules, read
        self.lineage, self.time = Lineage(), 0
        size = sources, rules.width
        self.scores = torch.full(size, -torch.inf, dtype=wide_on(device), device=device)
        self.scores[:, 0] = 0  # the others are its copies
        self.alive = torch.arange(sources, device=device)
        numbers = torch.zeros(3, sources, rules.width, dtype=torch.long, device=device)
        nothing = torch.full_like(self.scores, -torch.inf)
        self.pool = Ended(nothing, nothing.clone(), *numbers)
        self.stopped: dict[int, Stop] = {}

    def run(self, progress: Progress, what: str, *, spread: bool = False) -> Generation:
        """Search to the end."""
        with progress.task(what, total=self.length, unit="symbols") as task:
            while len(self.alive):
                some = self._stretch(spread) if self._is_simple else self._step(spread)
                task.advance(some)
        return self._result()

    @property
    def _is_simple(self) -> bool:
        """Whether the engine can choose by itself: nothing ends, and scores are log p."""
        simple = self.final is None and self.read is listed
        return simple and isinstance(self.session, BeamSession)

    def _stretch(self, spread: bool) -> int:
        """Let the engine take many steps; return how many."""
        assert isinstance(self.session, BeamSession)
        some = min(STRETCH, self.length - self.time)
        steps = self.session.search(self.scores, some, spread=spread)
        self.scores, self.time = steps.scores, self.time + some
        for at in range(some):
            self.lineage.add(steps.parents[at], steps.symbols[at])
            if steps.entropy is not None and steps.varentropy is not None:
                self.lineage.measure(steps.entropy[at], steps.varentropy[at])
        if self.time == self.length:
            parents, symbols = (
                column[-1].long().view_as(self.scores) for column in (steps.parents, steps.symbols)
            )
            self._pool(self.scores, parents, symbols, torch.ones_like(symbols, dtype=torch.bool))
            self._stop_all()
        return some

    def _stop_all(self) -> None:
        for source in self.alive.tolist():
            self.stopped[source] = "ended" if self.ended[source] else "length"
        self.alive = self.alive[:0]

    def _step(self, spread: bool) -> int:
        """Add a symbol to every hypothesis; return 1, the steps taken."""
        distribution = self.session.step()
        log_probs = self.read(distribution)
        measures = [column[:, 0] for column in spread_of(distribution)] if spread else []
        if not self.time and bool(self.ended.any()):
            ended = self.ended.repeat_interleave(self.rules.width)
            log_probs = ending(log_probs, ended, self.final)
            measures = [column.masked_fill(ended, 0.0) for column in measures]
        if spread:
            self.lineage.measure(*measures)
        self.time += 1
        scores, parents, symbols = self._candidates(log_probs)
        is_final = symbols == (-1 if self.final is None else self.final)
        ends = torch.ones_like(is_final) if self.time == self.length else is_final
        if self.final is not None or self.time == self.length:
            self._pool(scores, parents, symbols, ends)
        if self.time == self.length:
            self._stop_all()
            return 1
        if self.final is not None:
            # Each hypothesis ends in one way only: twice the width has enough that go on.
            order = is_final.byte().argsort(dim=1, stable=True)[:, : self.rules.width]
            scores = scores.masked_fill(is_final, -torch.inf).gather(1, order)
            parents, symbols = parents.gather(1, order), symbols.gather(1, order)
            keep = self._check(scores)
            scores, parents, symbols = scores[keep], parents[keep], symbols[keep]
        if len(self.alive):
            self.scores = scores
            self.session.choose(parents.flatten(), symbols.flatten())
            self.lineage.add(parents.flatten(), symbols.flatten())
        return 1

    def _candidates(self, log_probs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return scores, rows and symbols of the best continuations of each source."""
        sources, levels = len(self.alive), log_probs.shape[1]
        totals = self.scores[:, :, None] + log_probs.view(sources, self.rules.width, levels)
        wanted = self.rules.width if self.final is None else 2 * self.rules.width
        scores, places = best_of(totals.flatten(1), min(wanted, self.rules.width * levels))
        first = torch.arange(sources, device=scores.device)[:, None] * self.rules.width
        return scores, places // levels + first, places % levels

    def _pool(self, scores: Tensor, parents: Tensor, symbols: Tensor, ends: Tensor) -> None:
        """Move those of the best that have ended to the pool."""
        looked_at = slice(None, self.rules.width)
        log_prob = scores.masked_fill(~ends, -torch.inf)[:, looked_at]
        if not bool((log_prob > -torch.inf).any()):
            return
        score = self.rules.reward.score(log_prob, self.time)
        time = torch.full_like(parents[:, looked_at], self.time)
        new = Ended(score, log_prob, time, parents[:, looked_at], symbols[:, looked_at])
        old = Ended(*(column[self.alive] for column in self.pool))
        for column, values in zip(self.pool, old.with_more(new), strict=True):
            column[self.alive] = values

    def _check(self, scores: Tensor) -> Tensor:
        """Stop sources that need not go on; return which of the living do."""
        pool = self.pool.score[self.alive]
        worst = pool[:, self.rules.n_best - 1]
        best = self.rules.reward.bound(scores[:, 0], self.time, self.length)
        rules: list[tuple[Tensor, Stop]] = [(scores[:, 0] == -torch.inf, "ended")]
        if self.rules.stop == "pool":
            rules.append((pool[:, -1] > -torch.inf, "pool"))
        rules.append(((worst > -torch.inf) & (best <= worst), "bound"))
        keep, sources = torch.ones_like(self.alive, dtype=torch.bool), self.alive
        for rule, name in rules:
            for source in sources[rule & keep].tolist():
                self.stopped[source] = name
            keep = keep & ~rule
        self.alive = sources[keep]
        return keep

    def _result(self) -> Generation:
        """Return the best of the pool."""
        best = Ended(*(column[:, : self.rules.n_best] for column in self.pool))
        is_there = best.score > -torch.inf
        ended = Ended(*(column[is_there] for column in best))
        fill = 0 if self.final is None else self.final
        longest = max(ended.time.tolist(), default=0)
        last = Last(ended.time, ended.parent, ended.symbol)
        symbols, measured = self.lineage.trace(last, longest, fill)
        entropies, varentropies = measured or (None, None)
        return Generation(
            symbols,
            ended.time,
            ended.log_prob,
            torch.zeros_like(ended.log_prob),
            ended.symbol == (-1 if self.final is None else self.final),
            is_there.nonzero()[:, 0],
            tuple(self.stopped[source] for source in range(self.sources)),
            ended.score,
            entropies,
            varentropies,
        )
