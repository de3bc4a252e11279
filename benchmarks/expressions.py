"""Parameter expressions against torch's parametrize and against code written by hand.

    python benchmarks/expressions.py [--rounds 15] [--threads 1]

Four figures, in one run, by CPU time, medians of rounds in turns:

- reading a weight, eager, against torch.nn.utils.parametrize with the same function: at most 1.0;
- a training step under torch.compile (inductor), against modules that compute their weights in
  their own forward: at most 1.05;
- evaluations a step inside `cached`, counted by the function itself: exactly 1;
- forwards and backwards through a layer of low rank, eager, without a target.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize

from typica.expressions import (
    cached,
    exp,
    expr,
    learn_like,
    low_rank,
    ref,
    set_param,
)
from typica.expressions.ready.norms import of_length, weight_norm

READING, COMPILED = 1.0, 1.05  # targets
Calls = dict[str, Callable[[], Any]]
Network = Callable[[Callable[..., nn.Module]], nn.Module]


class Exp(nn.Module):
    """A positive weight, for parametrize."""

    def forward(self, log: Tensor) -> Tensor:
        """Return the weight."""
        return log.exp()


class Product(nn.Module):
    """A weight of low rank, for parametrize."""

    def __init__(self, rank: int) -> None:
        super().__init__()
        self.rank = rank

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        """Return the weight."""
        return left @ right

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Return factors of some product."""
        return weight[:, : self.rank].clone(), weight[: self.rank].clone()


class Normalised(nn.Module):
    """A normalised weight, for parametrize."""

    def forward(self, direction: Tensor, gain: Tensor) -> Tensor:
        """Return the weight."""
        return of_length(direction, gain, tuple(range(1, direction.ndim)))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Return direction and gain."""
        return weight.clone(), weight.flatten(1).norm(dim=1).view(-1, *[1] * (weight.ndim - 1))


class Tied(nn.Module):
    """The weight of another layer, for parametrize: hidden, or it would be a part of this one."""

    def __init__(self, source: nn.Module) -> None:
        super().__init__()
        self.source = [source]

    def forward(self, unused: Tensor) -> Tensor:
        """Return the other's weight, turned."""
        return self.source[0].weight.T


def parametrized(layer: nn.Module, by: nn.Module) -> nn.Module:
    """Return a layer whose weight torch's parametrize computes."""
    return parametrize.register_parametrization(layer, "weight", by)


def expressed(layer: nn.Module, expression: Any) -> nn.Module:
    """Return a layer whose weight an expression computes."""
    set_param(layer, "weight", expression)
    return layer


def readings() -> dict[str, tuple[nn.Module, nn.Module]]:
    """Return pairs of layers whose weights are the same function: ours, and parametrize's."""

    def layer() -> nn.Linear:
        return nn.Linear(64, 64)

    def conv() -> nn.Conv1d:
        return nn.Conv1d(64, 64, 3)

    one, other, source = layer(), layer(), layer()
    left, right = learn_like(one.weight[:, :4]), learn_like(one.weight[:4])
    with torch.no_grad():
        other.weight.copy_(one.weight)
    normal = conv()
    twins = [conv(), conv()]
    for twin in twins:
        twin.load_state_dict(normal.state_dict())
    return {
        "exp": (expressed(layer(), exp(learn_like(one.weight))), parametrized(other, Exp())),
        "low rank": (expressed(one, left @ right), parametrized(layer(), Product(4))),
        "weight norm": (
            expressed(normal, weight_norm(normal.weight)),
            parametrized(twins[0], Normalised()),
        ),
        "weight norm, torch's own": (normal, parametrizations.weight_norm(twins[1])),
        "tied": (
            expressed(layer(), ref(source, "weight").T),
            parametrized(layer(), Tied(source)),
        ),
    }


class HandWritten(nn.Module):
    """A layer that normalises its weight in its own forward, as one would without a library."""

    def __init__(self, layer: nn.Linear | nn.Conv2d) -> None:
        super().__init__()
        self.direction = nn.Parameter(layer.weight.detach().clone())
        self.across = tuple(range(1, layer.weight.ndim))
        self.gain = nn.Parameter(
            torch.linalg.vector_norm(layer.weight, dim=self.across, keepdim=True).detach()
        )
        self.bias = nn.Parameter(layer.bias.detach().clone())  # type: ignore[union-attr]
        self.function = F.linear if isinstance(layer, nn.Linear) else F.conv2d

    def forward(self, x: Tensor) -> Tensor:
        """Filter."""
        return self.function(x, of_length(self.direction, self.gain, self.across), self.bias)


def in_expression(layer: Any) -> nn.Module:
    """Return a layer whose weight is normalised by an expression."""
    return expressed(layer, weight_norm(layer.weight))


def by_parametrize(layer: Any) -> nn.Module:
    """Return a layer whose weight is normalised by parametrize."""
    return parametrized(layer, Normalised())


def perceptron(make: Callable[..., nn.Module]) -> nn.Module:
    """Return a small network of dense layers."""
    first, second, last = nn.Linear(784, 256), nn.Linear(256, 256), nn.Linear(256, 10)
    return nn.Sequential(nn.Flatten(), make(first), nn.ReLU(), make(second), nn.ReLU(), make(last))


def convolutions(make: Callable[..., nn.Module]) -> nn.Module:
    """Return a small network of convolutions."""
    first, second, last = nn.Conv2d(1, 16, 5), nn.Conv2d(16, 32, 5), nn.Linear(32 * 16, 10)
    return nn.Sequential(
        *(make(first), nn.ReLU(), nn.MaxPool2d(2), make(second), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), make(last)),
    )


def compiled_steps(network: Network) -> Calls:
    """Return a compiled training step of each version of a network, all of the same numbers."""
    images, classes = torch.rand(32, 1, 28, 28), torch.arange(32) % 10
    kinds = {
        "ours": in_expression,
        "by hand": HandWritten,
        "parametrize": by_parametrize,
    }
    calls: Calls = {}
    losses = []
    for name, make in kinds.items():
        torch.manual_seed(0)
        calls[name] = _compiled_step(network(make), images, classes)
        losses.append([calls[name]().item() for _ in range(5)])
    for other in losses[1:]:
        torch.testing.assert_close(losses[0], other)
    return calls


def _compiled_step(model: nn.Module, images: Tensor, classes: Tensor) -> Callable[[], Tensor]:
    optimiser = torch.optim.SGD(model.parameters(), lr=0.01)

    @torch.compile(fullgraph=True)
    def loss(images: Tensor) -> Tensor:
        return F.cross_entropy(model(images), classes)

    def step() -> Tensor:
        optimiser.zero_grad()
        value = loss(images)
        value.backward()
        optimiser.step()
        return value.detach()

    return step


def low_rank_steps(size: int) -> Calls:
    """Return forwards and backwards through a layer of rank size / 16, batch 32."""
    rank, batch = size // 16, torch.randn(32, size)
    product, two_steps = nn.Linear(size, size), nn.Linear(size, size)
    left, right = learn_like(product.weight[:, :rank]), learn_like(product.weight[:rank])
    layers = {
        "plain": nn.Linear(size, size),
        "parametrize": parametrized(nn.Linear(size, size), Product(rank)),
        "ours": expressed(product, left @ right),
        "ours, two steps": expressed(two_steps, low_rank(two_steps.weight, rank)),
    }

    def step(layer: nn.Module) -> None:
        layer.zero_grad()
        layer(batch).sum().backward()

    return {name: lambda layer=layer: step(layer) for name, layer in layers.items()}


evaluations = 0


def counted(log: Tensor) -> Tensor:
    """Return a positive weight, and count."""
    global evaluations
    evaluations += 1
    return log.exp()


def count_evaluations(reads: int = 4, steps: int = 10) -> tuple[float, float]:
    """Return evaluations a step, inside `cached` and outside, of a weight that is read often."""
    global evaluations
    layer = nn.Linear(64, 64)
    set_param(layer, "weight", expr(counted, learn_like(layer.weight)))
    optimiser = torch.optim.SGD(layer.parameters(), lr=0.01)

    def train() -> float:
        global evaluations
        evaluations = 0
        for _ in range(steps):
            loss = sum(layer(torch.ones(1, 64)).mean() for _ in range(reads))
            torch.as_tensor(loss).backward()
            optimiser.step()
        return evaluations / steps

    outside = train()
    with cached(layer):
        return train(), outside


def medians(calls: Calls, rounds: int, count: int) -> dict[str, float]:
    """Return the CPU time of one call of each, in microseconds: medians of rounds in turns."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for round_ in range(rounds + 1):
        for name, call in calls.items():
            began = time.process_time()
            for _ in range(count):
                call()
            if round_:  # the first warms up
                taken[name].append((time.process_time() - began) / count * 1e6)
    return {name: statistics.median(values) for name, values in taken.items()}


def report_readings(rounds: int) -> bool:
    """Print what a reading costs; whether all targets are met."""
    print(f"reading a weight of 64 outputs and 64 inputs (target {READING} of parametrize)")
    met = True
    for name, (ours, theirs) in readings().items():
        both: Calls = {"ours": lambda m=ours: m.weight, "theirs": lambda m=theirs: m.weight}
        time_ = medians(both, rounds, 2000)
        ratio = time_["ours"] / time_["theirs"]
        met &= ratio <= READING
        words = f"{time_['ours']:6.1f} us, parametrize {time_['theirs']:6.1f} us"
        print(f"  {name:<26} {words}, ratio {ratio:.2f}")
    return met


def report_compiled(rounds: int) -> bool:
    """Print what a compiled step costs; whether all targets are met."""
    print(f"compiled training step with weight norm (target {COMPILED} of code by hand)")
    met = True
    for network in (perceptron, convolutions):
        time_ = medians(compiled_steps(network), rounds, 100)
        ratio, other = (time_[name] / time_["by hand"] for name in ("ours", "parametrize"))
        met &= ratio <= COMPILED
        words = ", ".join(f"{name} {value:6.0f} us" for name, value in time_.items())
        print(f"  {network.__name__:<26} {words}, ratio {ratio:.3f} (parametrize {other:.3f})")
    return met


def report_evaluations() -> bool:
    """Print how often a weight that is read four times a step is evaluated."""
    inside, outside = count_evaluations()
    print("evaluations a step of a weight that is read 4 times (target 1 inside cached)")
    print(f"  inside cached {inside:g}, outside {outside:g}")
    return inside == 1 and outside == 4


def report_low_rank(rounds: int) -> None:
    """Print what a layer of low rank costs, without a target."""
    print("forwards and backwards, rank n / 16, batch 32, us")
    for size in (64, 256, 1024):
        time_ = medians(low_rank_steps(size), rounds, 20480 // size)
        words = ", ".join(f"{name} {value:7.0f}" for name, value in time_.items())
        print(f"  n = {size:<22} {words}")


def main() -> int:
    """Print the figures; 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    met = [report_readings(options.rounds), report_evaluations()]
    report_low_rank(options.rounds)
    met.append(report_compiled(options.rounds))
    print(f"targets {'met' if all(met) else 'MISSED'}")
    return int(not all(met))


if __name__ == "__main__":
    sys.exit(main())
