"""Whole sequences, drawn from an engine: to their ends where they have such."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from typica.core.engine import Draws, Engine, EngineState, check_draw
from typica.core.errors import ConfigError
from typica.decoding.generation import Generation, Stop, count_symbols

AT_ONCE = 64  # symbols between two looks at whether all sequences have ended, where they may
ENDLESS = 2048  # symbols at once where they never do


def draw_sequences(
    engine: Engine,
    state: EngineState,
    length: int,
    *,
    count: int = 1,
    temperature: float = 1.0,
    spread: bool = False,
    generator: torch.Generator | None = None,
) -> Generation:
    """Draw sequences side by side, until all have ended or are `length` long.

    Args:
        engine: What takes the steps.
        state: Where to go on from; each of its rows is a source.
        length: Symbols at most.
        count: Sequences of each source.
        temperature: Of each step: 1 is ancestral sampling, 0 greedy decoding.
        spread: Whether entropies and varentropies are wanted.
        generator: Where the randomness comes from.

    Returns:
        `count` sequences of each source, in the order they were drawn, with their log-likelihoods
        under the model and under what they were drawn from. If all ended early they are shorter
        than `length`.

    Raises:
        ConfigError: There is nothing to draw, or it is no temperature.
    """
    check_draw(length, temperature)
    if count < 1:
        raise ConfigError(f"at least 1 sequence must be drawn, got {count}")
    sources = [row for row in range(state.count) for _ in range(count)]
    state = state.pick(sources)
    final = engine.model.final
    ended = torch.zeros(len(sources), dtype=torch.bool, device=engine.device)
    blocks: list[Draws] = []
    at_once = ENDLESS if final is None else AT_ONCE
    for begin in range(0, length, at_once):
        some = min(at_once, length - begin)
        block = engine.draw(
            state, some, temperature=temperature, generator=generator, spread=spread
        )
        blocks.append(block)
        state = block.state
        if final is not None:
            ended = ended | (block.symbols == final).any(1)
            if bool(ended.all()):
                break
    return _gathered(blocks, final, torch.tensor(sources, device=engine.device))


def batches(
    engine: Engine,
    state: EngineState,
    length: int,
    *,
    draws: int,
    batch: int,
    temperature: float = 1.0,
    spread: bool = False,
    generator: torch.Generator | None = None,
) -> Iterator[Generation]:
    """Draw `draws` sequences from a state of one row, `batch` of them side by side at a time.

    Arguments are those of `draw_sequences`, which draws each batch.

    Raises:
        ConfigError: See `draw_sequences`; or the state has several rows, whose likelihoods cannot
            be compared.
    """
    if state.count != 1:
        raise ConfigError(
            f"sequences must go on from one state to be compared by likelihood, got "
            f"{state.count}: pick one row of them"
        )
    for begin in range(0, draws, batch):
        yield draw_sequences(
            engine,
            state,
            length,
            count=min(batch, draws - begin),
            temperature=temperature,
            spread=spread,
            generator=generator,
        )


def concatenated(parts: Sequence[Generation], final: int | None) -> Generation:
    """Return sequences of one source as one generation; the shorter are filled with `final`."""
    length = max(part.symbols.shape[1] for part in parts)
    wide = [_widened(part, length - part.symbols.shape[1], final) for part in parts]
    columns: dict[str, Any] = {}
    for one in fields(Generation):
        values = [getattr(part, one.name) for part in wide]
        columns[one.name] = torch.cat(values) if isinstance(values[0], Tensor) else values[0]
    columns["stopped"] = _stops(columns["finished"], columns["source"])
    return Generation(**columns)


def symbols_in(generation: Generation) -> list[tuple[float, ...]]:
    """Return each sequence's symbols up to its end, the final one among them, as utilities read."""
    rows, lengths = generation.symbols.tolist(), generation.lengths.tolist()
    return [tuple(row[:length]) for row, length in zip(rows, lengths, strict=True)]


def _gathered(blocks: Sequence[Draws], final: int | None, source: Tensor) -> Generation:
    symbols = torch.cat([block.symbols for block in blocks], 1)
    lengths, finished = count_symbols(symbols, final)
    behind = torch.arange(symbols.shape[1], device=symbols.device) >= lengths[:, None]

    def column(name: str) -> Tensor | None:
        parts = [getattr(block, name) for block in blocks]
        return None if parts[0] is None else torch.cat(parts, 1).masked_fill(behind, 0)

    log_prob, log_draw = (_total(column(name)) for name in ("log_prob", "log_draw"))
    return Generation(
        symbols=symbols if final is None else symbols.masked_fill(behind, final),
        lengths=lengths,
        log_prob=log_prob,
        log_draw=log_draw,
        finished=finished,
        source=source,
        stopped=_stops(finished, source),
        score=log_prob,
        entropies=column("entropy"),
        varentropies=column("varentropy"),
    )


def _stops(finished: Tensor, source: Tensor) -> tuple[Stop, ...]:
    """Say for each source whether all its sequences came to their ends."""
    open_sources = set(source[~finished].tolist())
    return tuple(
        "length" if row in open_sources else "ended" for row in sorted(set(source.tolist()))
    )


def _total(nats: Tensor | None) -> Tensor:
    assert nats is not None
    # In float32 the sum over a minute of audio loses the third decimal.
    return nats.cpu().double().sum(1).to(nats.device)


def _widened(part: Generation, missing: int, final: int | None) -> Generation:
    if not missing:
        return part
    assert final is not None  # without an end all are equally long
    spreads = {name: getattr(part, name) for name in ("entropies", "varentropies")}
    padded: dict[str, Any] = {
        name: None if one is None else F.pad(one, (0, missing)) for name, one in spreads.items()
    }
    symbols = F.pad(part.symbols, (0, missing), value=final)
    return replace(part, symbols=symbols, **padded)
