"""What a leaky split hides: an album held out by spans of time, and by chunks that overlap.

    python benchmarks/album_split.py FOLDER [--rate 8000]

Prepares the recordings of a folder in both ways, and scores what each holds out for validation by
two models that take no training time: a first-order Markov chain, which generalises a little, and
the same with a memory, which looks up where the last samples have stood in the training recordings
and bets on what followed there. Where memory alone makes held-out music likely, the figure says
nothing of music that was not heard.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from typica.data.corpus import Corpus
from typica.data.folder import FolderSource
from typica.data.prepare import prepare
from typica.data.spans import shared
from typica.signal.quantise import MuLaw

CONTEXT = 12  # samples by which memory knows a place
LEVELS = 256

Levels = NDArray[np.int64]


def levels_of(corpus: Corpus, split: str) -> list[Levels]:
    """Return the 8-bit mu-law levels of what a split holds; what overlaps is taken once."""
    encode, found = MuLaw(8).encode, []
    ends: dict[str, int] = {}
    for one in sorted(corpus.recordings(split), key=lambda one: (one.shard, one.offset)):
        name, start, stop = (one.facts[key] for key in ("recording", "start", "stop"))
        new = max(int(start), ends.get(str(name), 0))
        ends[str(name)] = int(stop)
        if int(stop) - new > CONTEXT:
            found.append(encode(corpus.audio(one, new - int(start)))[0].numpy())
    return found


def markov(training: list[Levels]) -> NDArray[np.float64]:
    """Return p(level | level before), (256, 256), by counts to which a half was added."""
    counts = np.full((LEVELS, LEVELS), 0.5)
    for one in training:
        np.add.at(counts, (one[:-1], one[1:]), 1)
    return counts / counts.sum(1, keepdims=True)


def names_of(levels: Levels) -> NDArray[np.uint64]:
    """Return a hash of the `CONTEXT` levels before each sample from the first that has so many."""
    names = np.zeros(len(levels) - CONTEXT, np.uint64)
    for lag in range(CONTEXT, 0, -1):
        before = levels[CONTEXT - lag : len(levels) - lag].astype(np.uint64)
        names = (names ^ before) * np.uint64(0x100000001B3) + np.uint64(0x9E3779B9)
    return names


class Memory:
    """Knows every place of the training recordings by the samples before it."""

    def __init__(self, training: list[Levels]) -> None:
        names = np.concatenate([names_of(one) for one in training])
        following = np.concatenate([one[CONTEXT:] for one in training])
        self.names, first = np.unique(names, return_index=True)
        self.following = following[first]

    def bets(self, levels: Levels) -> tuple[NDArray[np.bool_], Levels]:
        """Tell for each sample from the `CONTEXT`-th on whether its past is known, and the bet."""
        names = names_of(levels)
        found = np.searchsorted(self.names, names).clip(max=len(self.names) - 1)
        return self.names[found] == names, self.following[found]


def bits(
    table: NDArray[np.float64], memory: Memory, tuned: list[Levels], scored: list[Levels]
) -> tuple[float, float]:
    """Return bits a sample without and with memory, whose trust is found on other recordings."""
    trust = _trust(memory, tuned)
    plain = with_memory = 0.0
    count = 0
    for one in scored:
        before, now = one[CONTEXT - 1 : -1], one[CONTEXT:]
        usual = table[before, now]
        known, bet = memory.bets(one)
        mixed = np.where(known, (1 - trust) * usual + trust * (bet == now), usual)
        plain -= np.log2(usual).sum()
        with_memory -= np.log2(mixed).sum()
        count += len(now)
    return plain / count, with_memory / count


def _trust(memory: Memory, tuned: list[Levels]) -> float:
    """Return how often a bet on recordings of the split `test` is right."""
    hits = bets = 0
    for one in tuned:
        known, bet = memory.bets(one)
        hits += int((known & (bet == one[CONTEXT:])).sum())
        bets += int(known.sum())
    return (hits + 0.5) / (bets + 1)


def main() -> None:
    """Prepare in both ways, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rate", type=int, default=8000)
    asked = parser.parse_args()
    print("split    valid that is trained on   Markov   with memory   bits a sample, 8-bit mu-law")
    for division in ("spans", "chunks"):
        with tempfile.TemporaryDirectory() as place:
            source = FolderSource(asked.folder, division=division)
            corpus = prepare(source, f"{place}/album", rate=asked.rate, workers=1)
            share = shared(one._asdict() for one in corpus.recordings())
            training, tuned, scored = (levels_of(corpus, s) for s in ("train", "test", "valid"))
            figures = bits(markov(training), Memory(training), tuned, scored)
            print(f"{division:<8} {share:>21.1%}   {figures[0]:6.3f}   {figures[1]:11.3f}")


if __name__ == "__main__":
    main()
