"""Sixteen tosses of an unfair coin: the likeliest sequence, and the likeliest number of heads."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from typica.lab.drawing import BLUE, ORANGE, canvas
from typica.lab.study import Bench, Number, Study, Table
from typica.typicality.coin import CoinTable, CoinTypicality

TOSSES, P = 16, 0.75
# As printed, from no heads to sixteen: of one sequence, and of so many heads.
# fmt: off
PRINTED = [
    ("2.33e-10", "2.33e-10"), ("6.98e-10", "1.12e-08"), ("2.10e-09", "2.51e-07"),
    ("6.29e-09", "3.52e-06"), ("1.89e-08", "3.43e-05"), ("5.66e-08", "2.47e-04"),
    ("1.70e-07", "1.36e-03"), ("5.09e-07", "5.83e-03"), ("1.53e-06", "1.97e-02"),
    ("4.58e-06", "5.24e-02"), ("1.37e-05", "1.10e-01"), ("4.12e-05", "1.80e-01"),
    ("1.24e-04", "2.25e-01"), ("3.71e-04", "2.08e-01"), ("1.11e-03", "1.34e-01"),
    ("3.33e-03", "5.35e-02"), ("1.00e-02", "1.00e-02"),
]
# fmt: on


def study(bench: Bench) -> Study:
    """Work the table out exactly, and lay the printed one beside it."""
    coin = CoinTypicality(TOSSES, P)
    table = coin.table()
    fourth = 4**TOSSES  # a sequence has probability 3^heads / 4^16
    wrong, wrong_counts = (
        [h for h, p in enumerate(exact) if f"{p:.2e}" != PRINTED[h][column]]
        for column, exact in enumerate((table.sequence_probability, table.probability))
    )
    count_entropy = -float((table.probability * np.log2(table.probability)).sum())
    numbers = [
        Number(
            "a given sequence with 15 heads",
            float(table.sequence_probability[15]),
            exact=3**15 / fourth,
            published=PRINTED[15][0],
            remark="3^15 / 4^16 rounds to 3.34e-3",
        ),
        Number("all heads", float(table.probability[16]), 3**16 / fourth, "about 1 %"),
        Number("twelve heads", float(table.probability[12]), 1820 * 3**12 / fourth, "2.25e-1"),
        Number("entropy of a sequence", coin.entropy(unit="bits"), unit="bits"),
        Number("entropy of the number of heads", count_entropy, unit="bits"),
        Number("printed sequence probabilities that are wrong", len(wrong), published=0),
        Number("printed count probabilities that are wrong", len(wrong_counts), published=0),
    ]
    finding = (
        f"All heads is the likeliest sequence and {int(table.probability.argmax())} the likeliest"
        f" number of heads. Of {2 * (TOSSES + 1)} printed probabilities"
        f" {len(wrong) + len(wrong_counts)} is not right to its three digits: that of a sequence"
        f" with {', '.join(map(str, wrong + wrong_counts))} heads. A sequence of 12 heads costs"
        " exactly the entropy, and each head fewer log2(3) = 1.585 bits more."
    )
    return Study(
        source="Musings on typicality, section 2.1: table and figure of unfair coin flips",
        claim="A sequence of all heads is the likeliest, and yet there will be about 12 heads.",
        finding=finding,
        numbers=numbers,
        tables=[_beside(table)],
        figure=_draw(table),
    )


def _beside(table: CoinTable) -> Table:
    columns = ["heads", "sequences", "p(sequence)", "printed", "p(heads)", "printed", "-log2 p - H"]
    rows = [
        [h, int(table.sequences[h]), f"{table.sequence_probability[h]:.6e}", sequence]
        + [f"{table.probability[h]:.6e}", count, f"{table.deviation_bits[h]:+.3f} bits"]
        for h, (sequence, count) in enumerate(PRINTED)
    ]
    return Table("Sixteen tosses, heads three times in four", columns, rows)


def _draw(table: CoinTable) -> Figure:
    figure, axes = canvas(width=7.2, height=3.4)
    (ax,) = axes.flat
    ax.semilogy(table.sequence_probability, "s-", color=BLUE, label="one sequence with so many")
    ax.semilogy(table.probability, "o-", color=ORANGE, label="so many, in any order")
    for values, colour in ((table.sequence_probability, BLUE), (table.probability, ORANGE)):
        best = int(values.argmax())
        ax.plot(best, values[best], "o", markersize=13, fillstyle="none", color=colour)
    ax.set_title("The likeliest sequence is not a likely kind of sequence")
    ax.set_xlabel("number of heads in 16 tosses")
    ax.set_ylabel("probability")
    ax.legend(loc="lower right")
    return figure
