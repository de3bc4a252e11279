"""Verbatim copies: how many are found, and how often there is an alarm without one.

    python benchmarks/copying.py CORPUS [--copies 100]

Copies of 3 s are cut out of the training recordings, laid into music that was held out, at another
level and under white noise, and looked for. Recordings that were held out tell the alarms; those
played 1 % faster hold the same music, and no copy whatever they did before: each alarm there is
false. Every figure is printed with its 95 % interval.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from scipy.signal import resample
from scipy.stats import beta

from typica.cli._bars import Bars
from typica.data.corpus import Corpus, open_corpus
from typica.evaluation.copying import CopyIndex, copied_share

PIECE_S, COPY_S, AROUND_S = 20.0, 3.0, 4.0
NOISES_DB = (np.inf, 20.0, 15.0)
GAINS_DB = (-20.0, 5.0)
FASTER = 1.01
LEAST_LEVEL = 0.01  # root mean square: of silence there is nothing to copy
TARGET_FOUND, TARGET_FALSE = 0.95, 0.01


def main() -> None:
    """Print one table; fail where copies are missed or music that is no copy is taken for one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", nargs="?", default="chorales")
    parser.add_argument("--copies", type=int, default=100)
    options = parser.parse_args()
    torch.set_num_threads(1)
    corpus, rng = open_corpus(options.corpus), np.random.default_rng(0)
    began = time.process_time()
    index = CopyIndex(corpus, corpus.recordings("train"), progress=Bars())
    speed = index.known_s / (time.process_time() - began)
    print(f"knows {index.known_s / 60:.0f} min, learnt {speed:.0f} times faster than they last")
    worst = 1.0
    for noise in NOISES_DB:
        found = [finds(index, corpus, noise, rng) for _ in range(options.copies)]
        told("no noise" if noise == np.inf else f"noise at {noise:g} dB", sum(found), len(found))
        worst = worst if noise < 20 else min(worst, float(np.mean(found)))
    alarms(index, held_out(corpus, 1.0), "held-out recordings")
    false = alarms(index, held_out(corpus, FASTER), "the same 1 % faster")
    raise SystemExit(int(worst < TARGET_FOUND or false > TARGET_FALSE))


def finds(index: CopyIndex, corpus: Corpus, noise_db: float, rng: np.random.Generator) -> bool:
    """Tell whether a copy is found where it lies."""
    around = audible(corpus, "test", 2 * AROUND_S, rng)
    copied = audible(corpus, "train", COPY_S, rng)
    half = len(around) // 2
    gain = 10 ** (rng.uniform(*GAINS_DB) / 20)
    noise = copied.std() * 10 ** (-noise_db / 20) * rng.standard_normal(len(copied))
    sound = np.concatenate([around[:half], gain * (copied + noise), around[half:]])
    found = index.find(torch.from_numpy(sound.astype(np.float32))[None])
    return any(AROUND_S - 1 < one.start_s < AROUND_S + 1 for one in found)


def audible(corpus: Corpus, split: str, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Return a stretch of music, (time,), that is not silent."""
    recordings = corpus.recordings(split)
    length = round(seconds * corpus.rate)
    while True:
        one = recordings[rng.integers(len(recordings))]
        start = int(rng.integers(max(1, one.length - length)))
        sound = corpus.audio(one, start, start + length)[0].numpy()
        if sound.std() > LEAST_LEVEL:
            return sound


def held_out(corpus: Corpus, faster: float) -> Iterator[torch.Tensor]:
    """Yield pieces of 20 s of what was held out, (1, time), played so much faster."""
    for split in ("valid", "test"):
        for one in corpus.recordings(split):
            for piece in corpus.audio(one).split(round(PIECE_S * corpus.rate), -1):
                if faster == 1.0:
                    yield piece
                else:
                    count = round(piece.shape[-1] / faster)
                    played = resample(piece[0].numpy(), count).astype(np.float32)
                    yield torch.from_numpy(played)[None]


def alarms(index: CopyIndex, pieces: Iterator[torch.Tensor], what: str) -> float:
    """Print how many pieces hold a copy, and return the share of the time that is copied."""
    rate, shares, seconds, longest = index.corpus.rate, list[float](), list[float](), 0.0
    began = time.process_time()
    for piece in pieces:
        found = index.find(piece)
        seconds.append(piece.shape[-1] / rate)
        shares.append(copied_share(found, seconds[-1]))
        longest = max([longest, *(one.seconds for one in found)])
    speed = sum(seconds) / (time.process_time() - began)
    told(what, sum(share > 0 for share in shares), len(shares))
    share, minutes = float(np.dot(shares, seconds) / sum(seconds)), sum(seconds) / 60
    print(f"    {share:.2%} of {minutes:.0f} min, the longest {longest:.1f} s; {speed:.0f} x")
    return share


def told(what: str, hits: int, count: int) -> None:
    """Print a share with its exact 95 % interval (Clopper and Pearson 1934)."""
    low, high = interval(hits, count)
    print(f"{what:24}{hits:5} of {count:<5}{hits / count:7.1%}  ({low:.1%} to {high:.1%})")


def interval(hits: int, count: int) -> Sequence[float]:
    """Return the exact interval of a share."""
    low = beta.ppf(0.025, hits, count - hits + 1) if hits else 0.0
    high = beta.ppf(0.975, hits + 1, count - hits) if hits < count else 1.0
    return float(low), float(high)


if __name__ == "__main__":
    main()
