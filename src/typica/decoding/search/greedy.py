"""Greedy decoding: the most likely symbol, each time."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from typica.core.engine import Engine, EngineState
from typica.core.progress import SILENT, Progress
from typica.decoding.generation import Generation, Stop, count_symbols
from typica.decoding.search.ranking import check_length

AT_ONCE = 64  # symbols between two looks at whether all sequences have ended, where they may


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
    """
    check_length(length)
    final, blocks = engine.model.final, []
    with progress.task("greedy decoding", total=length, unit="symbols") as task:
        for begin in range(0, length, AT_ONCE):
            some = min(AT_ONCE, length - begin)
            block = engine.draw(state, some, temperature=0, spread=spread)
            blocks.append(block)
            state = block.state
            task.advance(some)
            if final is not None and bool((state.previous == final).all()):
                break
    symbols = torch.cat([block.symbols for block in blocks], 1)
    lengths, finished = count_symbols(symbols, final)
    behind = torch.arange(symbols.shape[1], device=symbols.device) >= lengths[:, None]
    log_prob = torch.cat([block.log_prob for block in blocks], 1).masked_fill(behind, 0)
    total = log_prob.cpu().double().sum(1).to(symbols.device)
    columns = zip(*((block.entropy, block.varentropy) for block in blocks), strict=True)
    entropies, varentropies = (_joined(column, behind) for column in columns)
    stops: list[Stop] = ["ended" if ended else "length" for ended in finished.tolist()]
    return Generation(
        symbols if final is None else symbols.masked_fill(behind, final),
        lengths,
        total,
        torch.zeros_like(total),
        finished,
        torch.arange(len(symbols), device=symbols.device),
        tuple(stops),
        total,
        entropies,
        varentropies,
    )


def _joined(blocks: Sequence[Tensor | None], behind: Tensor) -> Tensor | None:
    known = [block for block in blocks if block is not None]
    return torch.cat(known, 1).masked_fill(behind, 0) if known else None
