"""Bits of a code and bits of the rest: a coin, and photographs with bits dropped."""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from scipy.special import expit

from typica.lab.drawing import BLUE, GREY, ORANGE, canvas
from typica.lab.study import Bench, Number, Study, Table
from typica.typicality.bookkeeping import Account, Report
from typica.typicality.fibres import entropy_chain
from typica.typicality.representation import DroppedBits

TOSSES, HEADS = 16, 0.75
LEVELS, CONTEXTS, SPREAD = 256, 16, 1e-3  # the last is a uniform share, for surprises
BAND = 16  # rows: of one photograph, every second band is fitted and the others are priced
BIT = math.log(2)


class Values(NamedTuple):
    """Pixel values of one channel: what predicts them, they themselves, and how busy it is."""

    near: NDArray
    value: NDArray
    activity: NDArray
    band: NDArray


def study(bench: Bench) -> Study:
    """Split entropies at a count, and the price of pixels at each number of dropped bits."""
    from sklearn.datasets import load_sample_images

    coin = _coin()
    china, flower = ([_values(image, c) for c in range(3)] for image in load_sample_images().images)
    ways = {
        "china.jpg, fitted to flower.jpg": _price(flower, china),
        "flower.jpg, fitted to china.jpg": _price(china, flower),
        "china.jpg, bands fitted to bands": _price(*_bands(china)),
        "flower.jpg, bands fitted to bands": _price(*_bands(flower)),
    }
    gains = {name: 1 - (bits[0] - bits[1]) for name, bits in ways.items()}
    numbers = [
        Number("entropy of 16 tosses", coin[0] / BIT, exact=12.98044999134613, unit="bits"),
        Number("entropy of their count", coin[1] / BIT, exact=2.825988344294600, unit="bits"),
        Number("entropy of the order", coin[2] / BIT, exact=_order_bits(), unit="bits"),
        *(
            Number(f"gain on the last bit, {name}", gain, unit="bits")
            for name, gain in gains.items()
        ),
    ]
    within = [gain for name, gain in gains.items() if "bands" in name]
    across = [gain for name, gain in gains.items() if "bands" not in name]
    report = _report(ways["china.jpg, bands fitted to bands"])
    finding = (
        f"The chain rule holds to rounding. The claim about the last bit does not hold here: "
        f"fitted to other bands of the same photograph, a model gains {min(within):.3f} and "
        f"{max(within):.3f} bits. Fitted to the other photograph it gains {max(across):.3f} on one "
        f"and {min(across):.3f} on the other, where a uniform rest is the better model. Two JPEGs "
        f"were tried, and one kind of model. Of codes with a uniform rest, the one that drops most "
        f"has the fewest bits of code and the most in all."
    )
    figure, axes = canvas(1, 2, width=10, height=3.8)
    _draw_coin(axes[0, 0], coin)
    _draw_photograph(axes[0, 1], ways["china.jpg, bands fitted to bands"])
    return Study(
        "the chain rule of the article's coin; representation_likelihood, sections 1 and 2.3",
        "log p(x) = log p(z) + log p(x | z); a fair model gains below 0.1 bit on the last bit.",
        finding,
        numbers,
        figure,
        [_table(name, bits) for name, bits in ways.items()] + [_as_table(report)],
    )


def _coin() -> tuple[float, float, float]:
    tosses = np.array(list(itertools.product([0, 1], repeat=TOSSES)))
    heads = tosses.sum(1)
    log_prob = heads * math.log(HEADS) + (TOSSES - heads) * math.log(1 - HEADS)
    return entropy_chain(log_prob, heads)


def _order_bits() -> float:
    """Return the mean of log2 C(16, h), by another way than the chain."""
    terms = (
        math.comb(TOSSES, h) * 3**h / 4**TOSSES * math.log2(math.comb(TOSSES, h)) for h in range(17)
    )
    return math.fsum(terms)


def _values(image: NDArray, channel: int) -> Values:
    """Lay out the pixels of a channel, shape (pixels,), and what was sent before each."""
    pixels = image.astype(np.float64)
    left, above = pixels[1:, :-2], pixels[:-1, 1:-1]
    corner, right = pixels[:-1, :-2], pixels[:-1, 2:]
    near = np.concatenate([left, above, corner, right, pixels[1:, 1:-1, :channel]], axis=2)
    steps = abs(left - corner) + abs(above - corner) + abs(right - above)
    band = np.arange(near.shape[0])[:, None] // BAND + np.zeros(near.shape[:2], int)
    flat = near.reshape(-1, near.shape[2])
    design = np.concatenate([flat, np.ones((len(flat), 1))], axis=1)
    value = image[1:, 1:-1, channel].ravel().astype(np.int64)
    return Values(design, value, steps[..., channel].ravel(), band.ravel())


def _bands(channels: list[Values]) -> tuple[list[Values], list[Values]]:
    fitted, priced = (
        [Values(*(column[one.band % 2 == odd] for column in one)) for one in channels]
        for odd in (0, 1)
    )
    return fitted, priced


def _price(fitted: list[Values], priced: list[Values]) -> NDArray:
    """Return bits a value of the code with 0 .. 8 bits dropped, shape (9,), all of one model.

    A logistic around a linear prediction, its scale by how busy the neighbours are; the mass of a
    code is that of all its levels, so that codes and rests obey the chain rule.
    """
    bits, count = np.zeros(9), 0
    for train, test in zip(fitted, priced, strict=True):
        weights = np.linalg.lstsq(train.near, train.value, rcond=None)[0]
        edges = np.unique(np.quantile(train.activity, np.arange(1, CONTEXTS) / CONTEXTS))
        context = np.searchsorted(edges, train.activity, side="right")
        error = abs(train.value - train.near @ weights)
        sums = np.bincount(context, error, len(edges) + 1) + error.mean()
        # The mean distance of a logistic from its centre is 2 ln 2 times its scale.
        scales = sums / (np.bincount(context, minlength=len(edges) + 1) + 1) / (2 * math.log(2))
        scale = scales[np.searchsorted(edges, test.activity, side="right")]
        bits += [_bits(test.value, test.near @ weights, scale, dropped) for dropped in range(9)]
        count += len(test.value)
    return bits / count


def _bits(value: NDArray, mean: NDArray, scale: NDArray, dropped: int) -> float:
    low = DroppedBits(dropped).encode(value) << dropped
    high = low + (1 << dropped)
    below = np.where(low == 0, 0.0, expit((low - 0.5 - mean) / scale))
    under = np.where(high == LEVELS, 1.0, expit((high - 0.5 - mean) / scale))
    mass = (1 - SPREAD) * (under - below) + SPREAD * (1 << dropped) / LEVELS
    return float(-np.log2(mass).sum())


def _report(bits: NDArray) -> Report:
    """Set models side by side that drop bits and fill them in evenly."""
    accounts = [
        Account(
            f"{dropped} dropped", -bits[dropped] * BIT, -dropped * BIT, 1, "value", "8-bit levels"
        )
        for dropped in (0, 1, 3, 5)
    ]
    return Report(accounts)


def _table(name: str, bits: NDArray) -> Table:
    rows = [[k, bits[k], bits[0] - bits[k], float(k), bits[k] + k] for k in range(9)]
    columns = ["bits dropped", "bits(z)", "bits(x|z)", "uniform rest", "total, uniform rest"]
    return Table(f"Bits for each value of {name}", columns, rows)


def _as_table(report: Report) -> Table:
    rows = [[one.name, one.code_bits, one.rest_bits, one.total_bits] for one in report.accounts]
    columns = ["model", "bits(z)", "bits(x|z)", "total"]
    return Table("The report of codes with a uniform rest (china.jpg, bands)", columns, rows)


def _draw_coin(axes: Axes, chain: tuple[float, float, float]) -> None:
    original, code, rest = (term / BIT for term in chain)
    axes.bar(["sequence"], [original], color=GREY, width=0.6)
    axes.bar(["count + order"], [code], color=BLUE, width=0.6, label="the count, H(Z)")
    axes.bar(["count + order"], [rest], bottom=code, color=ORANGE, width=0.6, label="H(X | Z)")
    axes.set(title="16 tosses of a coin, heads 3 in 4", ylabel="entropy, bits", ylim=(0, 17))
    axes.legend(loc="upper left", ncols=2)


def _draw_photograph(axes: Axes, bits: NDArray) -> None:
    dropped = np.arange(9)
    axes.bar(dropped, bits, color=BLUE, label="bits(z)")
    axes.bar(dropped, bits[0] - bits, bottom=bits, color=ORANGE, label="bits(x | z), same model")
    axes.plot(dropped, bits + dropped, "o-", color=GREY, label="bits(z) + bits dropped")
    axes.set(title="china.jpg, bands fitted to bands", ylim=(0, 9))
    axes.set(xlabel="least-significant bits dropped", ylabel="bits for each value")
    axes.legend(loc="upper left")
