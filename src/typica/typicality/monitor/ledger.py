"""Sums over ticks: from the newest of them follows every window."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from typica.typicality.monitor.ear import Frames, decibels
from typica.typicality.monitor.grid import BANDS, FRAMES_A_TICK, Grid
from typica.typicality.monitor.reference import Reference


class Steps(NamedTuple):
    """What the model says of samples, each of shape (samples,), in nats.

    Attributes:
        log_prob: Of each, given those before it, at temperature 1.
        entropy: What it expected -log_prob to be.
        varentropy: The variance that it expected, in nats squared.
    """

    log_prob: NDArray[np.floating]
    entropy: NDArray[np.floating]
    varentropy: NDArray[np.floating]

    @property
    def totals(self) -> NDArray[np.float64]:
        """Return the sums of excess surprisal, variance and entropy, (3,)."""
        entropy = self.entropy.sum(dtype=np.float64)
        excess = -self.log_prob.sum(dtype=np.float64) - entropy
        return np.array([excess, self.varentropy.sum(dtype=np.float64), entropy])


class Sums(NamedTuple):
    """A window's sums, or a tick's. All are over frames but the first three, over samples.

    Attributes:
        excess: Surprisal beyond what the model expected, in nats.
        variance: Of the surprisal, in nats squared.
        entropy: Of the model, in nats.
        power: Mean squares.
        sounding: How many frames are not silent.
        flatness: Logarithms of the flatness of those.
        spectrum_db: Mel spectra, (bands,).
        products: Of spectra, less the reference's mean, with those each lag before, (lags,).
        own: Their own squares.
        squares: The squares of those each lag before, (lags,).
    """

    excess: float
    variance: float
    entropy: float
    power: float
    sounding: float
    flatness: float
    spectrum_db: NDArray[np.float64]
    products: NDArray[np.float64]
    own: float
    squares: NDArray[np.float64]


@dataclass(frozen=True)
class Ledger:
    """The newest ticks of a stream; it is a value: to add a tick gives another.

    Attributes:
        grid: The sizes.
        reference: What spectra are compared with.
        count: Ticks since the beginning.
        rows: Sums of the newest of them, (ticks, columns).
        past: Spectra of the newest frames, less the reference's mean, (longest lag, bands).
        silent: How many of the newest ticks are silent without a break.
    """

    grid: Grid
    reference: Reference
    count: int
    rows: NDArray[np.float64]
    past: NDArray[np.float64]
    silent: int = 0

    @classmethod
    def fresh(cls, grid: Grid, reference: Reference) -> Ledger:
        """Return an empty one."""
        columns = 7 + BANDS + 2 * len(grid.lags)
        rows = np.zeros((max(grid.ticks), columns))
        return cls(grid, reference, 0, rows, np.zeros((grid.lags[-1], BANDS)))

    @property
    def remembers_lags(self) -> int:
        """Ticks whose frames could be compared with those of every lag before."""
        return max(0, self.count - -(-self.grid.lags[-1] // FRAMES_A_TICK))

    def add(self, totals: NDArray[np.float64], frames: Frames) -> Ledger:
        """Add a tick: the model's sums (3,), and its frames."""
        spectra = np.maximum(frames.spectrum_db, self.reference.floor_db)
        known = np.concatenate([self.past, spectra - self.reference.mean_db])
        row = np.concatenate([totals, self._heard(frames), spectra.sum(0), self._alike(known)])
        rows = np.concatenate([self.rows[1:], row[None]])
        past = known[len(known) - len(self.past) :]
        is_silent = decibels(frames.power.mean()) <= self.reference.silence_db
        silent = self.silent + 1 if is_silent else 0
        return replace(self, count=self.count + 1, rows=rows, past=past, silent=silent)

    def window(self, ticks: int) -> Sums:
        """Sum the newest ticks up."""
        row = np.add.reduce(self.rows[-ticks:])
        excess, variance, entropy, power, sounding, flatness = row[:6].tolist()
        products = 6 + BANDS
        own = products + len(self.grid.lags)
        return Sums(
            excess,
            variance,
            entropy,
            power,
            sounding,
            flatness,
            spectrum_db=row[6:products],
            products=row[products:own],
            own=float(row[own]),
            squares=row[own + 1 :],
        )

    def _heard(self, frames: Frames) -> NDArray[np.float64]:
        sounding = frames.level_db > self.reference.silence_db
        flatness = frames.flatness[sounding].sum()
        return np.array([frames.power.sum(), sounding.sum(), flatness])

    def _alike(self, known: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the products of the last frames with those before them, and their squares."""
        new = len(known) - FRAMES_A_TICK
        places = new + np.arange(FRAMES_A_TICK)[:, None] - np.array(self.grid.lags)
        products = np.take_along_axis(known[new:] @ known.T, places, 1).sum(0)
        squares = np.einsum("ij,ij->i", known, known)
        return np.concatenate([products, [squares[new:].sum()], squares[places].sum(0)])
