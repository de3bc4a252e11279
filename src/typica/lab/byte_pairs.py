"""Words of a text: perplexity a token rises with the vocabulary while bits a byte fall."""

from __future__ import annotations

import math
from typing import NamedTuple

from typica.lab.drawing import BLUE, GREEN, ORANGE, canvas
from typica.lab.study import Bench, Number, Study, Table
from typica.typicality.bookkeeping import bits_per_byte
from typica.typicality.byte_pairs import BytePairEncoding
from typica.typicality.segmentation import Unigram

MERGES = [0, 50, 200, 500]


class Row(NamedTuple):
    """A unigram model of words, on texts it was not fitted to."""

    merges: int
    bytes_a_token: float
    perplexity: float
    canonical: float
    marginal: float


def study(bench: Bench) -> Study:
    """Fit unigram models of byte-pair words, and price other texts with them."""
    training, test = _texts()
    longest = BytePairEncoding.train(training, max(MERGES))
    with bench.progress.task("words", len(MERGES), "vocabularies") as task:
        rows = []
        for merges in MERGES:
            rows.append(_row(BytePairEncoding(longest.merges[:merges]), training, test))
            task.advance()
    first, last = rows[0], rows[-1]
    gap = max(row.canonical - row.marginal for row in rows)
    figure, axes = canvas(1, 2, width=10, height=3.6)
    axes[0, 0].plot(MERGES, [row.perplexity for row in rows], "o-", color=ORANGE)
    axes[0, 0].set(title="For each token", xlabel="merges", ylabel="perplexity", ylim=(0, None))
    axes[0, 1].plot(MERGES, [r.canonical for r in rows], "o-", color=BLUE, label="canonical words")
    axes[0, 1].plot(
        MERGES, [r.marginal for r in rows], "o--", color=GREEN, label="all segmentations"
    )
    axes[0, 1].set(title="For each byte", xlabel="merges", ylabel="bits a byte")
    axes[0, 1].legend()
    return Study(
        "word pieces, in the addendum; representation_likelihood, section 2.1",
        "Perplexities a token do not compare across vocabularies; bits a byte do.",
        f"From {first.merges} to {last.merges} merges perplexity a token goes from "
        f"{first.perplexity:.1f} to {last.perplexity:.1f}, bits a byte from {first.marginal:.3f} "
        f"to {last.marginal:.3f}. The canonical segmentation alone costs at most {gap:.4f} bits "
        f"a byte more than all of them together.",
        [
            Number("bits a byte, bytes alone", first.marginal, exact=first.canonical),
            Number(f"bits a byte, {last.merges} merges, all segmentations", last.marginal),
            Number("largest gap of the canonical bound", gap, unit="bits a byte"),
        ],
        figure,
        [Table("Held-out texts under unigram models of words", Row._fields, rows)],
    )


def _texts() -> tuple[list[bytes], list[bytes]]:
    """Return the lines that describe scikit-learn's data: of three sets, and of two others."""
    from sklearn import datasets

    loaders = [datasets.load_breast_cancer, datasets.load_diabetes, datasets.load_wine]
    others = [datasets.load_iris, datasets.load_linnerud]
    training, test = (
        [line.encode() for load in group for line in load().DESCR.splitlines(keepends=True)]
        for group in (loaders, others)
    )
    return training, test


def _row(encoding: BytePairEncoding, training: list[bytes], test: list[bytes]) -> Row:
    fitted, priced = (
        [[encoding.words[word] for word in encoding.encode(text)] for text in texts]
        for texts in (training, test)
    )
    model = Unigram.fit(fitted, encoding.words)
    canonical = math.fsum(map(model.log_prob_segmented, priced))
    marginal = math.fsum(map(model.log_prob, test))
    whole, tokens = b"".join(test), sum(map(len, priced))
    return Row(
        len(encoding.merges),
        len(whole) / tokens,
        math.exp(-canonical / tokens),
        bits_per_byte(canonical, whole),
        bits_per_byte(marginal, whole),
    )
