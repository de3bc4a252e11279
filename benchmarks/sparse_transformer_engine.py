"""The engine of the Sparse Transformer, against its own steps and against this machine's limits.

    python benchmarks/sparse_transformer_engine.py [--rounds 20] [--network small]

"small" is the preset: 4 layers of 64 channels over a table of 1,024 symbols, 237,184 parameters;
"large" has 8 layers of 512 channels over one of 4,096, 25 million. Weights are random. All
candidates and the limits are timed in turns, in short windows, on one thread, by the CPU time of
that thread. Every candidate's logits are held against the module's over more than a table first.

The limit of one stream is that its weights are read once for each sample; the bandwidth is measured
by reading as many bytes again and again. What the engine also does, keys and values that are
looked at and the later half of each table that is read again, is not in it.

A turn of a full table is what could hold up a live stream: so blocks of 16 samples are timed one by
one over several tables. "a turn at once" is what the module's own steps take there.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from typing import cast

import torch
from torch import Tensor, nn

from engines import BYTES, Candidate, tell_machine
from limit.machine import Machine
from samplernn_engine import KINDS, check, drawing
from typica.core import registry
from typica.core.engine import Engine, StepEngine
from typica.core.model import AutoregressiveModel
from typica.core.randomness import seeded
from typica.engines.compiler import compile
from typica.layers.attending_network import AttendingModel, AttendingNetwork

LARGE = {"positions": 4096, "stride": 64, "layers": 8, "width": 512, "heads": 8}
RATES = (8_000, 16_000)  # hertz
BLOCK = 16  # samples of a block of a live stream
TABLES = 4  # over which blocks are timed
OVER = 1.25  # tables over which logits are checked


def build(network: str) -> AutoregressiveModel:
    """Return a network with random weights, whose logits spread as a trained one's do."""
    torch.manual_seed(0)
    settings = LARGE if network == "large" else {}
    model = registry.build("sparse_transformer", "small", **settings).requires_grad_(False).eval()
    head = cast(nn.Linear, model.head)
    nn.init.normal_(head.weight, std=1.5 / head.in_features**0.5)
    assert isinstance(model, AutoregressiveModel)
    return model


def multiplications(network: AttendingNetwork) -> int:
    """Return the weights that a sample is multiplied by."""
    linears = [
        linear
        for block in network.blocks
        for linear in (block.attention.read, block.attention.write, block.inner, block.out)
    ]
    own = sum(linear.weight.numel() for linear in linears)
    return own + sum(layer.weight.numel() for layer in network.head)


def block_times(engine: Engine, symbols: int) -> list[float]:
    """Return the CPU seconds of each block of a stream, over so many symbols."""
    generator, state, found = seeded(1), engine.start(1), []
    for _ in range(symbols // BLOCK):
        began = time.thread_time()
        state = engine.draw(state, BLOCK, generator=generator).state
        found.append(time.thread_time() - began)
    return found


def tell_blocks(name: str, times: list[float]) -> None:
    """Print how long the blocks take that a stream is made of."""
    ordered = sorted(times)
    late = ordered[int(0.99 * len(ordered))]
    told = f"{name:<12} a block of {BLOCK}: median {statistics.median(times) * 1e3:.2f} ms, "
    told += f"99 % within {late * 1e3:.2f}, longest {ordered[-1] * 1e3:.2f}"
    print(told + f"; it sounds for {BLOCK / RATES[0] * 1e3:.1f} ms at {RATES[0]:,} Hz")


def turn_at_once(model: AutoregressiveModel, positions: int) -> float:
    """Return the seconds that the module takes to turn a full table, beyond a usual step."""
    steps = StepEngine(model)
    state = steps.follow(torch.zeros(1, positions, dtype=torch.long), steps.start(1))[1]
    seconds = []
    for _ in range(2):  # the first step turns it
        began = time.thread_time()
        state = steps.step(state)[1].then(torch.zeros(1, dtype=torch.long))
        seconds.append(time.thread_time() - began)
    return seconds[0] - seconds[1]


def agreement(
    model: AutoregressiveModel, engines: dict[str, Engine], steps: int
) -> dict[str, tuple[float, float]]:
    """Print and return how far logits are off, and the divergence."""
    exact = engines["float32"]
    symbols: Tensor = exact.draw(exact.start(1), steps, generator=seeded(2)).symbols
    found = {kind: check(model, engine, symbols) for kind, engine in engines.items()}
    for kind, (logits, divergence) in found.items():
        print(
            f"{kind:<12} logits off by {logits:.2g}, divergence {divergence:.2g} nats, "
            f"over {steps:,} samples"
        )
    return found


@torch.inference_mode()
def main() -> int:
    """Print the figures; 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--network", choices=("small", "large"), default="small")
    options = parser.parse_args()
    torch.set_num_threads(1)
    tell_machine()
    model, machine = build(options.network), Machine()
    assert isinstance(model, AttendingModel)
    network = model.attending_network()
    positions = len(network.rows) * len(network.columns)
    weights = multiplications(network)
    print(
        f"{sum(p.numel() for p in model.parameters()):,} parameters, "
        f"{weights:,} multiplications a sample beside attention"
    )
    engines = {kind: compile(model, weights=kind, backend="c++", threads=1) for kind in KINDS}
    off = agreement(model, engines, int(OVER * positions))
    length = positions if options.network == "small" else 64
    timed = {"own steps, 1": Candidate(drawing(StepEngine(model), 1, min(length, 64)))}
    timed |= {"own steps, 8": Candidate(drawing(StepEngine(model), 8, min(length, 64)))}
    for kind, engine in engines.items():
        timed |= {f"{kind}, {n}": Candidate(drawing(engine, n, length)) for n in (1, 8)}
    limits = {kind: Candidate(machine.reading(BYTES[kind] * weights)) for kind in KINDS}
    for round_ in range(options.rounds + 1):
        for one in [*timed.values(), *limits.values()]:
            one.take_turn()
            if not round_:  # the first warms up
                one.rates.clear()
    for name, one in timed.items():
        kind, count = name.split(", ")
        own = timed[f"own steps, {count}"].median
        real = ", ".join(f"{one.median / int(count) / rate:.2f}" for rate in RATES)
        told = f"{name:<12} {one.median:9,.0f} samples/s (best {one.best:,.0f}), "
        told += f"{real} x real time at 8, 16 kHz each, {one.median / own:.1f} x own steps"
        if kind in limits and count == "1":
            limit = limits[kind].median / (BYTES[kind] * weights)
            told += f", {one.median / limit:.0%} of {limit:,.0f} by "
            told += f"{limits[kind].median / 1e9:.0f} GB/s"
        print(told)
    symbols = TABLES * positions if options.network == "small" else positions // 4
    tell_blocks("float32", block_times(engines["float32"], symbols))
    print(f"a turn at once: {turn_at_once(model, positions) * 1e3:.1f} ms")
    tell_machine()
    exact, own = timed["float32, 1"].median, timed["own steps, 1"].median
    print(f"float32 / own steps: {exact / own:.1f} (aim 10)")
    print(f"float32 / real time at {RATES[0]:,} Hz: {exact / RATES[0]:.2f} (aim 1, small)")
    is_slow = options.network == "small" and exact < RATES[0]
    return int(is_slow or exact < 10 * own or off["float32"][0] > 1e-4)


if __name__ == "__main__":
    sys.exit(main())
