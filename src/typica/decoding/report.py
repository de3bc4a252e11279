"""What decoding settings do to sequences, a row each: how typical, how repetitive, how varied.

The shape is that of Holtzman et al. 2020, https://arxiv.org/abs/1904.09751, table 1.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from typica.core.engine import Engine, EngineState
from typica.core.errors import ConfigError
from typica.decoding.generation import Generation
from typica.decoding.habits import habits
from typica.decoding.levels import Levels, read
from typica.decoding.sequences import draw_sequences, symbols_in

TYPICAL = 0.95  # share of the model's own samples that the typical set holds


class Row(NamedTuple):
    """What one decoding setting does.

    Attributes:
        decoding: Its name.
        sequences: How many there are.
        d: Mean of (nll - H) / L, in nats a symbol.
        z: Mean of the martingale's score.
        typical: Share of the sequences within the typical set, which is |d| <= epsilon.
        repetition: Share that ends in a repetition.
        zipf: Coefficient of Zipf's law.
        distinct_1: Share of symbols that are different.
        distinct_2: Share of pairs.
        distinct_4: Share of runs of four.
        self_bleu: Mean BLEU-4 of each against the others.
        compression: Length over compressed length.
    """

    decoding: str
    sequences: int
    d: float
    z: float
    typical: float
    repetition: float
    zipf: float
    distinct_1: float
    distinct_2: float
    distinct_4: float
    self_bleu: float
    compression: float


def report_row(
    decoding: str,
    sequences: Sequence[Sequence[Hashable]],
    d: NDArray,
    z: NDArray,
    epsilon: float,
) -> Row:
    """Return the row of one setting, from its sequences and their places, (sequences,) each.

    `epsilon` is half the width of the typical set, in nats a symbol.
    """
    told = habits(sequences)
    one, two, _, four = told.distinct
    inside = float((np.abs(d) <= epsilon).mean())
    places = (float(d.mean()), float(z.mean()), inside)
    shape = (told.repetition, told.zipf, one, two, four, told.self_bleu, told.compression)
    return Row(decoding, len(sequences), *places, *shape)


def typical_width(own: NDArray, share: float = TYPICAL) -> float:
    """Return epsilon such that a share of the model's own samples has |d| <= epsilon."""
    return float(np.quantile(np.abs(own), share))


def typicality_report(
    generations: Mapping[str, Generation],
    engine: Engine,
    state: EngineState,
    length: int,
    *,
    own: int = 64,
    generator: torch.Generator | None = None,
) -> list[Row]:
    """Tell for each decoding setting how typical its sequences are, and what their habits are.

    Args:
        generations: What was decoded, by the name of the setting.
        engine: Of the model.
        state: Where all of it goes on from.
        length: Symbols at most, as they were decoded with.
        own: Ancestral samples from each row, by which entropies and the typical set are estimated.
        generator: Draws them.

    Raises:
        ConfigError: There is nothing to report on, or fewer than two samples are asked for.
    """
    if not generations or own < 2:
        raise ConfigError(
            f"a report needs generations and at least 2 own samples, got {len(generations)} and "
            f"{own}"
        )
    drawn = draw_sequences(engine, state, length, count=own, generator=generator)
    source = drawn.source.cpu().numpy()
    levels = Levels.of(source, read(engine, state, drawn.symbols, source), state.count)
    epsilon = typical_width(levels.own)
    rows = []
    for name, found in generations.items():
        source = found.source.cpu().numpy()
        scored = read(engine, state, found.symbols, source)
        d = levels.d(source, scored.nll)
        rows.append(report_row(name, symbols_in(found), d, scored.z, epsilon))
    return rows
