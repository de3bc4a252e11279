"""The engine of SampleRNN, against the module's own steps and against this machine's limits.

    python benchmarks/samplernn_engine.py [--rounds 20] [--width 512]

The performance page's network: frames of 64 and 16 samples, 2 GRU layers a tier, width 512,
vectors of 256, 256 levels; 14,157,568 parameters, random. All candidates and the limits are timed
in turns, in short windows, on one thread, by the CPU time of that thread. Every candidate's logits
are held against the module's over 640 steps first.

"eager" is the module's own step: a GRU's call for one frame, a product of 16 vectors a sample, as
the public peer (deepsound's port) takes it too. That peer made 870 samples a second on the
performance page's machine, where it was measured; it is not run here.

The limit of one stream is that its weights are read: for each sample the perceptron's, which stay
near the processor, and each tier's once a frame, which come from far. Both bandwidths are measured,
of reading as many bytes again and again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

import torch
from torch import Tensor

from engines import BYTES, Candidate, tell_machine
from limit.machine import Machine
from typica.core import registry
from typica.core.engine import Engine, StepEngine
from typica.core.model import AutoregressiveModel
from typica.core.randomness import seeded
from typica.engines.compiler import compile
from typica.engines.packing import Weights
from typica.layers.recurrent_network import RecurrentModel, RecurrentNetwork, RecurrentTier

SETTINGS = {"frames": [64, 16], "layers": 2, "embedding": 256, "weight_norm": False}
STEPS = 640  # that logits are checked over: ten of the longest frames
PEER = 870.0  # samples a second, width 512, on the performance page's machine
RATE = 16_000  # hertz
KINDS: tuple[Weights, ...] = ("float32", "bfloat16", "int8")


def build(width: int) -> AutoregressiveModel:
    """Return the network with random weights, whose logits spread as a trained one's do."""
    torch.manual_seed(0)
    model = registry.build("samplernn", "tiny", **SETTINGS, width=width).requires_grad_(False)
    assert isinstance(model, AutoregressiveModel)
    model.perceptron.last.weight.mul_(4)  # type: ignore[union-attr, operator]
    return model


def weights_of(tier: RecurrentTier) -> int:
    """Return the weights that a tier multiplies by in a frame."""
    matrices = [tier.input.weight, tier.upsampling.weight, *(one.weight for one in tier.outputs)]
    matrices += [matrix for layer in tier.layers for matrix in (layer.inputs, layer.past)]
    return sum(matrix.numel() for matrix in matrices)


class Limit:
    """How fast one stream's weights can be read.

    Attributes:
        near: Windows of reading the perceptron's.
        far: Windows of reading the tiers'.
    """

    def __init__(self, network: RecurrentNetwork, machine: Machine, size: int) -> None:
        self._head = size * sum(layer.weight.numel() for layer in network.head)
        tiers = {tier.frame: size * weights_of(tier) for tier in network.tiers}
        self._tiers = sum(tier / frame for frame, tier in tiers.items())
        self.near = Candidate(machine.reading(self._head))
        self.far = Candidate(machine.reading(sum(tiers.values())))

    @property
    def rate(self) -> float:
        """Samples a second."""
        return 1 / (self._head / self.near.median + self._tiers / self.far.median)

    @property
    def words(self) -> str:
        """The bandwidths."""
        return f"{self.near.median / 1e9:.0f} and {self.far.median / 1e9:.0f} GB/s"


def check(model: AutoregressiveModel, engine: Engine, symbols: Tensor) -> tuple[float, float]:
    """Return the largest difference of logits, and the mean divergence from the module, in nats."""
    audio = model.render(symbols)
    true = model.conditionals(audio).logits
    found = engine.follow(symbols, engine.start(1))[0].logits
    divergence = (true.exp() * (true - found)).sum(-1).mean()
    return (found - true).abs().max().item(), divergence.item()


def drawing(engine: Engine, count: int, length: int) -> Callable[[], float]:
    """Return what draws `length` samples of each of `count` streams, again and again."""
    generator, states = seeded(1), [engine.start(count)]

    def draw() -> float:
        states[0] = engine.draw(states[0], length, generator=generator).state
        return float(count * length)

    return draw


@torch.inference_mode()
def main() -> int:
    """Print the figures; 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--width", type=int, default=512)
    options = parser.parse_args()
    torch.set_num_threads(1)
    tell_machine()
    model, machine = build(options.width), Machine()
    assert isinstance(model, RecurrentModel)
    network = model.recurrent_network()
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters")
    engines = {kind: compile(model, weights=kind, backend="c++", threads=1) for kind in KINDS}
    symbols = (
        engines["float32"].draw(engines["float32"].start(1), STEPS, generator=seeded(2)).symbols
    )
    off = {kind: check(model, engine, symbols) for kind, engine in engines.items()}
    timed = {"eager, 1": Candidate(drawing(StepEngine(model), 1, 64))}
    limits = {kind: Limit(network, machine, BYTES[kind]) for kind in KINDS}
    for kind, engine in engines.items():
        timed |= {f"{kind}, {n}": Candidate(drawing(engine, n, 1600 // n)) for n in (1, 8)}
    for round_ in range(options.rounds + 1):
        reading = [one for limit in limits.values() for one in (limit.near, limit.far)]
        for one in [*timed.values(), *reading]:
            one.take_turn()
            if not round_:  # the first warms up
                one.rates.clear()
    eager = timed["eager, 1"].median
    for name, one in timed.items():
        kind, count = name.split(", ")
        told = f"{name:<12} {one.median:9,.0f} samples/s (best {one.best:,.0f}), "
        told += f"{one.median / RATE:.2f} x real time, {one.median / eager:.1f} x eager"
        if kind in limits and count == "1":
            limit = limits[kind]
            told += f", {one.median / limit.rate:.0%} of {limit.rate:,.0f} by {limit.words}"
        print(told)
    for kind, (logits, divergence) in off.items():
        print(f"{kind:<12} logits off by {logits:.2g}, divergence {divergence:.2g} nats")
    exact, low = timed["float32, 1"].median, timed["bfloat16, 1"].median
    print(f"float32 / peer of the performance page: {exact / PEER:.1f} (aim 6)")
    print(f"bfloat16 / real time at 16 kHz: {low / RATE:.2f} (aim 1)")
    tell_machine()
    return int(exact < 6 * PEER or low < RATE or off["float32"][0] > 1e-4)


if __name__ == "__main__":
    sys.exit(main())
