"""Whole sequences, drawn from an engine: to their ends where they have such."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from itertools import islice
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from typica.core.counts import check_whole
from typica.core.engine import Engine, EngineState, check_draw
from typica.core.errors import ConfigError
from typica.core.progress import SILENT, Progress, Task
from typica.core.randomness import Randomness
from typica.core.strategy import Strategy
from typica.decoding.generation import Generation, Stop, count_symbols

AT_ONCE = 64  # symbols between two looks at whether all sequences have ended, where they may
ENDLESS = 1024  # symbols at once where they never do


def draw_sequences(
    engine: Engine,
    state: EngineState,
    length: int,
    *,
    count: int = 1,
    temperature: float = 1.0,
    strategy: Strategy | None = None,
    spread: bool = False,
    generator: Randomness = None,
    progress: Progress = SILENT,
) -> Generation:
    """Draw sequences side by side, until all have ended or are `length` long.

    Args:
        engine: What takes the steps.
        state: Where to go on from; each of its rows is a source.
        length: Symbols at most.
        count: Sequences of each source.
        temperature: Of each step: 1 is ancestral sampling, 0 greedy decoding.
        strategy: What chooses each symbol, of its distribution at that temperature.
        spread: Whether entropies and varentropies are wanted.
        generator: Where the randomness comes from: one, or one for each sequence.
        progress: Hears how far it is, in symbols.

    Returns:
        `count` sequences of each source, in the order they were drawn, with their log-likelihoods
        under the model and under what they were drawn from. If all ended early they are shorter
        than `length`.

    Raises:
        ConfigError: There is nothing to draw, it is no temperature, the strategy has no meaning
            for the model, or there is not a generator for each sequence.
        RunError: What the model says of a sequence is no distribution.
    """
    check_draw(length, temperature)
    check_whole(count=count)
    way = Way(temperature, strategy, generator, spread)
    sources = [row for row in range(state.count) for _ in range(count)]
    with progress.task("decoding", total=length, unit="symbols") as task:
        return draw_rows(engine, state.pick(sources), length, way, task, sources)


class Way(NamedTuple):
    """How symbols are drawn; see `draw_sequences`."""

    temperature: float
    strategy: Strategy | None
    generator: Randomness
    spread: bool


def draw_rows(
    engine: Engine,
    state: EngineState,
    length: int,
    way: Way,
    task: Task,
    sources: Sequence[int],
) -> Generation:
    """Draw a sequence for each row of a state, block by block; see `draw_sequences`.

    Args:
        engine: What takes the steps.
        state: Where to go on from.
        length: Symbols at most.
        way: How they are drawn.
        task: Moves on by symbols.
        sources: Which source each row is of.
    """
    final, blocks = engine.model.final, list[_Block]()
    at_once = ENDLESS if final is None else AT_ONCE
    for begin in range(0, length, at_once):
        some = min(at_once, length - begin)
        drawn = engine.draw(state, some, **way._asdict())
        # A state is far larger than a block: none but the last is kept.
        blocks.append(_Block(*drawn[:-1]))
        state = drawn.state
        task.advance(some)
        # A sequence that has ended draws its end again and again.
        if final is not None and bool((state.previous == final).all()):
            break
    return _gathered(blocks, final, torch.tensor(sources, device=engine.device))


class _Block(NamedTuple):
    """What was drawn at once, without the state behind it; see `Draws`."""

    symbols: Tensor
    log_prob: Tensor
    log_draw: Tensor
    entropy: Tensor | None
    varentropy: Tensor | None


def batches(
    engine: Engine,
    state: EngineState,
    length: int,
    *,
    draws: int,
    batch: int,
    temperature: float = 1.0,
    strategy: Strategy | None = None,
    spread: bool = False,
    generator: Randomness = None,
) -> Iterator[Generation]:
    """Draw `draws` sequences from a state of one row, `batch` of them side by side at a time.

    Arguments are those of `draw_sequences`, which draws each batch; of generators there is one, or
    one for each of the `draws`.

    Raises:
        ConfigError: See `draw_sequences`; or the state has several rows, whose likelihoods cannot
            be compared.
    """
    check_whole(draws=draws, batch=batch)
    if state.count != 1:
        raise ConfigError(
            f"sequences must go on from one state to be compared by likelihood, got "
            f"{state.count}: pick one row of them"
        )
    for count, streams in _split(generator, draws, batch):
        yield draw_sequences(
            engine,
            state,
            length,
            count=count,
            temperature=temperature,
            strategy=strategy,
            spread=spread,
            generator=streams,
        )


def _split(generator: Randomness, draws: int, batch: int) -> Iterator[tuple[int, Randomness]]:
    """Yield how many sequences each batch has, and where their randomness comes from."""
    sizes = [min(batch, draws - begin) for begin in range(0, draws, batch)]
    if generator is None or isinstance(generator, torch.Generator):
        yield from ((size, generator) for size in sizes)
        return
    if len(generator) != draws:
        raise ConfigError(
            f"{draws} sequences are drawn from as many generators, or from one, got "
            f"{len(generator)}"
        )
    rows = iter(generator)
    yield from ((size, list(islice(rows, size))) for size in sizes)


def concatenated(parts: Sequence[Generation], final: int | None) -> Generation:
    """Return sequences of one source as one generation; the shorter are filled with `final`."""
    length = max(part.symbols.shape[1] for part in parts)
    wide = [widened(part, length, final) for part in parts]
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


def _gathered(blocks: Sequence[_Block], final: int | None, source: Tensor) -> Generation:
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


def widened(part: Generation, length: int, final: int | None) -> Generation:
    """Return sequences filled with `final` up to a length, which costs nothing."""
    missing = length - part.symbols.shape[1]
    if not missing:
        return part
    assert final is not None  # without an end all are equally long
    spreads = {name: getattr(part, name) for name in ("entropies", "varentropies")}
    padded: dict[str, Any] = {
        name: None if one is None else F.pad(one, (0, missing)) for name, one in spreads.items()
    }
    symbols = F.pad(part.symbols, (0, missing), value=final)
    return replace(part, symbols=symbols, **padded)
