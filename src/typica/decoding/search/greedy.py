"""Greedy decoding: the most likely symbol, each time."""

from __future__ import annotations

from typica.core.engine import Engine, EngineState
from typica.core.progress import SILENT, Progress
from typica.decoding.generation import Generation
from typica.decoding.sequences import draw_sequences


def greedy(
    engine: Engine,
    state: EngineState,
    length: int,
    *,
    spread: bool = False,
    progress: Progress = SILENT,
) -> Generation:
    """Take the most likely symbol of each distribution, the lowest of equal ones.

    It is the limit of temperature 0, of a beam of width 1, of top-k with k = 1, and of nucleus
    sampling with p to 0. Of densities it takes the mode.

    Args:
        engine: What takes the steps.
        state: Where to go on from; each of its rows is a source.
        length: Symbols at most.
        spread: Whether entropies and varentropies are wanted.
        progress: Hears how far it is.

    Returns:
        One sequence for each source; `stopped` is "ended" or "length".

    Raises:
        ConfigError: `length` is below 1.
        RunError: What the model says of a source is no distribution.
    """
    return draw_sequences(engine, state, length, temperature=0, spread=spread, progress=progress)
