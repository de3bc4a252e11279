"""Beam search: the best continuations of several hypotheses, step after step."""

from __future__ import annotations

import torch

from typica.core.engine import Engine, EngineState
from typica.core.progress import SILENT, Progress
from typica.core.session import open_session
from typica.decoding.generation import Generation
from typica.decoding.search.hypotheses import Beam, Rules, StopRule
from typica.decoding.search.ranking import check_length, has_ended, repeated
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
    stop: StopRule = "bound",
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
        state: Where to go on from; each of its rows is a source with a beam of its own. One that
            has come to its end has no more than that end, at no cost.
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
    rules = Rules(width, width if n_best is None else n_best, reward, stop)
    check_length(length)
    session = open_session(engine, repeated(state, width))
    beam = Beam(engine, session, has_ended(engine, state), length, rules)
    return beam.run(progress, "beam search", spread=spread)
