"""A training step of WaveNet "W64" against nn.Conv1d layers and against the machine's sgemm.

    python benchmarks/training_step.py [--rounds 5] [--threads 1]

W64 is the reference network of the performance page: 2 x 10 layers, residual 64, gates 2 x 64,
skips 128, 645,760 parameters, 1.237 MFLOP a timestep forwards, three times that in a step; four
crops of one second at 16 kHz, Adam. The peer is the same network of nn.Conv1d layers, eager, as
the public PyTorch WaveNets write it: on the performance page's machine that peer took 12.3 k
timesteps a core-second, 1.1 times the fastest public one (r9y9/wavenet_vocoder, 11.1 k).
"weight norm" is typica's with every weight an expression (model.weight_norm=true): it should cost
nothing that can be seen. All are timed by CPU time, in turns.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from typica.core import registry

BATCH, TIME = 4, 16_000
FLOP = 3 * 1.237e6  # a timestep, forwards and backwards
TARGET = 1.1  # times the fastest public one
PEER_OVER_PUBLIC = 12.3 / 11.1


class PlainWaveNet(nn.Module):
    """W64 as most would write it."""

    def __init__(self) -> None:
        super().__init__()
        self.dilations = [2 ** (layer % 10) for layer in range(20)]
        self.embed = nn.Embedding(256, 64)
        self.gates = nn.ModuleList(nn.Conv1d(64, 128, 2, dilation=d) for d in self.dilations)
        self.residuals = nn.ModuleList(nn.Conv1d(64, 64, 1) for _ in self.dilations)
        self.skips = nn.ModuleList(nn.Conv1d(64, 128, 1) for _ in self.dilations)
        self.head = nn.Sequential(nn.ReLU(), nn.Conv1d(128, 128, 1), nn.ReLU())
        self.last = nn.Conv1d(128, 256, 1)

    def forward(self, codes: Tensor) -> Tensor:
        """Return the mean negative log-likelihood of codes (batch, time)."""
        past = F.pad(codes[:, :-1], (1, 0), value=128)
        x, total = self.embed(past).transpose(1, 2), 0
        layers = zip(self.dilations, self.gates, self.residuals, self.skips, strict=True)
        for dilation, gates, residual, skip in layers:
            signal, gate = gates(F.pad(x, (dilation, 0))).chunk(2, 1)
            product = signal.tanh() * gate.sigmoid()
            total = total + skip(product)
            x = x + residual(product)
        return F.cross_entropy(self.last(self.head(total)), codes)


def sgemm_rate() -> float:
    """Return the rate of a product of large matrices, in FLOP a CPU-second."""
    one, other = torch.randn(2, 768, 768).unbind()
    began = time.process_time()
    for _ in range(20):
        one @ other
    return 20 * 2 * 768**3 / (time.process_time() - began)


def steps() -> dict[str, Callable[[], None]]:
    """Return one training step of each network."""
    audio = torch.rand(BATCH, 1, TIME) * 2 - 1
    plain = PlainWaveNet()
    w64 = {"stacks": 2, "layers": 10, "channels": 64, "gate": 64, "skip": 128, "head": [128]}
    model = registry.build("wavenet", "tiny", **w64)
    normed = registry.build("wavenet", "tiny", weight_norm=True, **w64)
    assert sum(p.numel() for p in model.parameters()) == 645_760
    codes = model.symbols(audio)
    return {
        "typica": _step(model, lambda: model.likelihood_loss({"audio": audio})["nll"]),
        "weight norm": _step(normed, lambda: normed.likelihood_loss({"audio": audio})["nll"]),
        "nn.Conv1d": _step(plain, lambda: plain(codes)),
    }


def _step(model: nn.Module, loss: Callable[[], Tensor]) -> Callable[[], None]:
    optimiser = torch.optim.Adam(model.parameters())

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        loss().backward()
        optimiser.step()

    return step


def main() -> int:
    """Print the figures; 1 if the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    candidates = steps()
    times: dict[str, list[float]] = {name: [] for name in candidates}
    rates = []
    for round_ in range(options.rounds + 1):
        rates.append(sgemm_rate())
        for name, step in candidates.items():
            began = time.process_time()
            step()
            if round_:  # the first warms up
                times[name].append(time.process_time() - began)
    speed = {name: BATCH * TIME / statistics.median(taken) for name, taken in times.items()}
    sgemm = statistics.median(rates)
    for name, value in speed.items():
        share = value * FLOP / sgemm
        print(f"{name:<12} {value:8,.0f} timesteps a core-second, {share:.0%} of sgemm")
    ratio = speed["typica"] / speed["nn.Conv1d"]
    public = ratio * PEER_OVER_PUBLIC
    normed = speed["weight norm"] / speed["typica"]
    print(f"sgemm        {sgemm / 1e9:.1f} GFLOP/s")
    print(f"ratio        {ratio:.2f} to nn.Conv1d in this run")
    print(f"             {public:.2f} to the fastest public one, by the page's 12.3 to 11.1")
    print(f"             {normed:.2f} of its speed with every weight a normalised expression")
    print(
        f"target       {TARGET} to the fastest public one:"
        f" {'met' if public >= TARGET else 'MISSED'}"
    )
    return int(public < TARGET)


if __name__ == "__main__":
    sys.exit(main())
