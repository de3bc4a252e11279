"""Piano rolls: how much of a grid, and of its price, goes to frames in which nothing changes."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from typica.lab.drawing import BLUE, GREY, ORANGE, canvas
from typica.lab.study import Bench, Number, Study, Table
from typica.score.notes import Notes
from typica.score.progressions import random_progression
from typica.score.roll import piano_roll
from typica.typicality.bookkeeping import bits_per_second
from typica.typicality.frames import unchanged_share

RATES = [4.0, 8.0, 16.0, 48.0, 100.0]  # hertz: chords of 0.75 s are whole numbers of frames
FITTED, PRICED = 60, 20  # pieces


class Row(NamedTuple):
    """A first-order model of each pitch, on one grid."""

    rate: float
    unchanged: float
    price_unchanged: float
    bits_a_second: float
    bits_a_frame: float


def study(bench: Bench) -> Study:
    """Price the same chorales on finer and finer grids."""
    generator = bench.rng()
    pieces = [random_progression(generator) for _ in range(FITTED + PRICED)]
    rows = [_row(rate, pieces[:FITTED], pieces[FITTED:]) for rate in RATES]
    first, last = rows[0], rows[-1]
    figure, axes = canvas(1, 2, width=10, height=3.6)
    axes[0, 0].semilogx(RATES, [row.unchanged for row in rows], "o-", color=BLUE, label="of frames")
    axes[0, 0].plot(RATES, [r.price_unchanged for r in rows], "o-", color=ORANGE, label="of bits")
    axes[0, 0].set(xlabel="frames a second", ylabel="share unchanged", ylim=(0, 1.05))
    axes[0, 0].set_title("Frames in which nothing changes")
    axes[0, 0].legend()
    axes[0, 1].loglog(
        RATES, [row.bits_a_second for row in rows], "o-", color=BLUE, label="a second"
    )
    axes[0, 1].plot(RATES, [row.bits_a_frame for row in rows], "o-", color=GREY, label="a frame")
    axes[0, 1].set(xlabel="frames a second", ylabel="bits", title="The price of the same music")
    axes[0, 1].legend()
    return Study(
        "event-based music, in the addendum on abstract spaces; representation_likelihood, 2.2",
        "A fine grid spends its likelihood on 'nothing changes'.",
        f"Of the grid that is so, of the likelihood it is not: at {last.rate:g} frames a second "
        f"{last.unchanged:.1%} of frames change nothing, yet only {last.price_unchanged:.1%} of "
        f"the bits go to them; at {first.rate:g}, {first.unchanged:.1%} and "
        f"{first.price_unchanged:.1%}. It is the changes that cost more: bits a frame fall from "
        f"{first.bits_a_frame:.2f} to {last.bits_a_frame:.2f} while bits a second rise from "
        f"{first.bits_a_second:.1f} to {last.bits_a_second:.1f}. The pieces are made-up chorales, "
        f"the model is first-order.",
        [
            Number("share of frames unchanged at 100 Hz", last.unchanged),
            Number("share of bits spent on them at 100 Hz", last.price_unchanged),
            Number("bits a second at 4 Hz", first.bits_a_second, unit="bits a second"),
            Number("bits a second at 100 Hz", last.bits_a_second, unit="bits a second"),
        ],
        figure,
        [Table("The same music on five grids", Row._fields, rows)],
    )


def _row(rate: float, fitted: list[Notes], priced: list[Notes]) -> Row:
    prices = _prices([piano_roll(piece, rate) for piece in fitted])
    rolls = [piano_roll(piece, rate) for piece in priced]
    surprisals = [_surprisal(roll, prices) for roll in rolls]
    # Laid end to end; that a first frame is like the last before it does not happen unnoticed.
    roll, surprisal = np.concatenate(rolls), np.concatenate(surprisals)
    seconds = math.fsum(piece.duration_s for piece in priced)
    nats = float(surprisal.sum())
    return Row(
        rate,
        unchanged_share(roll),
        unchanged_share(roll, surprisal),
        bits_per_second(-nats, seconds),
        nats / math.log(2) / len(roll),
    )


def _prices(rolls: list[NDArray]) -> NDArray:
    """Return -log p(now | before) of each pitch, shape (128, before, now), from counts."""
    counts = np.full((128, 2, 2), 0.5)
    for roll in rolls:
        pitch = np.broadcast_to(np.arange(128), roll.shape)
        np.add.at(counts, (pitch, _before(roll), roll), 1)
    return -np.log(counts / counts.sum(2, keepdims=True))


def _surprisal(roll: NDArray, prices: NDArray) -> NDArray:
    return prices[np.arange(128), _before(roll), roll].sum(1)


def _before(roll: NDArray) -> NDArray:
    """Return each frame's predecessor; before the first nothing sounds."""
    return np.concatenate([np.zeros_like(roll[:1]), roll[:-1]])
