"""Sparse attention against dense: time and memory of a layer from 1,024 to 32,768 steps.

    python benchmarks/sparse_attention.py [--longest 32768] [--rounds 3]

A layer of 64 channels and two heads, one sequence, forward and backward, one thread. "window" and
"column" are the two steps of the strided pattern, with a stride near the square root of the length;
"fused" is torch's own dense attention, which keeps no scores; "scores" is dense attention that
does, as one writes it by hand (to 8,192 steps: it takes the square of them).

Each figure comes from a process of its own. Kinds take turns within a round; times are medians of
CPU seconds, memory is the growth of the process's peak. The crossover is the first length from
which the mean of the two sparse steps takes less time than a fused dense one.
"""

from __future__ import annotations

import argparse
import math
import resource
import statistics
import subprocess
import sys
import time

import torch

from engines import tell_machine
from typica.layers.sparse_attention import SparseAttention

WIDTH, HEADS = 64, 2
KINDS = ("window", "column", "fused", "scores")
SCORES_TO = 8192


def stride_of(length: int) -> int:
    """Return the power of two nearest to the square root, from above."""
    return 1 << math.ceil(math.log2(length) / 2)


def layer(kind: str, length: int) -> SparseAttention:
    """Return the layer that is measured."""
    seen = {"fused": "dense", "scores": "block"}.get(kind, kind)
    stride = length if kind == "scores" else stride_of(length)  # one row is the whole sequence
    return SparseAttention(WIDTH, HEADS, WIDTH // HEADS, kind=seen, stride=stride)  # type: ignore[arg-type]


def measure(kind: str, length: int) -> tuple[float, float]:
    """Return CPU seconds of a forward and a backward pass, and MiB by which memory grew."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    own, x = layer(kind, length), torch.randn(1, length, WIDTH)
    small = layer(kind, 256)  # what is loaded on first use is no memory of the layer's
    small(x[:, :256], small.blank(1))[0].sum().backward()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    own(x, own.blank(1))[0].square().mean().backward()
    seconds = time.process_time() - began
    return seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def apart(kind: str, length: int) -> tuple[float, float]:
    """Measure in a process of its own."""
    command = [sys.executable, __file__, "--one", kind, str(length)]
    seconds, mebibytes = subprocess.run(
        command, capture_output=True, check=True, text=True
    ).stdout.split()
    return float(seconds), float(mebibytes)


def tell(longest: int, rounds: int) -> None:
    """Print the table, and where sparse becomes cheaper."""
    print("| steps | stride | " + " | ".join(f"{kind}, s; MiB" for kind in KINDS) + " |")
    print("|---" * (2 + len(KINDS)) + "|")
    crossover = None
    for length in (1 << power for power in range(10, longest.bit_length())):
        kinds = [kind for kind in KINDS if kind != "scores" or length <= SCORES_TO]
        found: dict[str, list[tuple[float, float]]] = {kind: [] for kind in kinds}
        for _ in range(rounds):
            for kind in kinds:
                found[kind].append(apart(kind, length))
        middle = {
            kind: [statistics.median(column) for column in zip(*values, strict=True)]
            for kind, values in found.items()
        }
        cells = [
            f"{middle[kind][0]:.3f}; {middle[kind][1]:.0f}" if kind in middle else "-"
            for kind in KINDS
        ]
        print(f"| {length:,} | {stride_of(length)} | " + " | ".join(cells) + " |", flush=True)
        sparse = (middle["window"][0] + middle["column"][0]) / 2
        if crossover is None and sparse < middle["fused"][0]:
            crossover = length
        elif sparse >= middle["fused"][0]:
            crossover = None
    print(
        f"\nsparse takes less time than fused dense attention from {crossover:,} steps on"
        if crossover
        else "\nsparse attention never takes less time here"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--longest", type=int, default=32_768)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(*measure(arguments.one[0], int(arguments.one[1])))
    else:
        tell_machine()
        tell(arguments.longest, arguments.rounds)
