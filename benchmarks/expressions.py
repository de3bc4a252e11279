"""What a parameter expression costs, against torch's parametrize and against code by hand.

    python benchmarks/expressions.py [--rounds 15] [--threads 1]

Reading a weight, eager: the same expression by `torch.nn.utils.parametrize` and by
`typica.expressions`, in turns, medians; no more than parametrize is the target. (Torch's own weight
norm calls a fused kernel, another expression: it is shown for the record.) A training step under
torch.compile (inductor) against the same network with its weights computed in `forward` by hand;
within 5 % is the target. Inside `cached`, evaluations are counted: one a step. Then a training step
of typica's own systems that have expressions, eager, by CPU time, against the same system in which
hand-written properties call the same functions; within 5 % is the target. At the end, for
the record, a step of low-rank layers (batch 32, rank n / 16): plain, parametrize, `a @ b`, and
`low_rank`, which takes two steps.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize

from typica.core import registry
from typica.core.model import Model
from typica.expressions import (
    Expression,
    cached,
    exp,
    expr,
    learn,
    learn_like,
    low_rank,
    ref,
    remove,
    set_param,
    weight_norm,
)
from typica.expressions.formula import Formula
from typica.expressions.ready.norms import of_length

READS = 400
COMPILED = 1.05  # times the step by hand
SYSTEMS = 1.05  # likewise
FUSED = "weight norm, theirs fused"


class Exp(nn.Module):
    """The exponential, as parametrize wants it."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the weight."""
        return x.exp()


class Product(nn.Module):
    """A product of two factors."""

    def __init__(self, rank: int) -> None:
        super().__init__()
        self.rank = rank

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        """Return the weight."""
        return left @ right

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Return factors, of no particular value."""
        return weight[:, : self.rank].clone(), weight[: self.rank].clone()


class Normed(nn.Module):
    """Direction and length apart."""

    def forward(self, direction: Tensor, gain: Tensor) -> Tensor:
        """Return the weight."""
        return of_length(direction, gain, (1,))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Return direction and gain."""
        return weight, _length(weight)


class Turned(nn.Module):
    """Another layer's weight, transposed."""

    def __init__(self, other: nn.Linear) -> None:
        super().__init__()
        self.other = [other]

    def forward(self, original: Tensor) -> Tensor:
        """Return the weight."""
        return self.other[0].weight.T


def layers(kind: str) -> tuple[nn.Module, nn.Module]:
    """Return a layer by parametrize and one by an expression."""
    theirs, ours = nn.Linear(20, 30), nn.Linear(20, 30)
    if kind == "exponential":
        parametrize.register_parametrization(theirs, "weight", Exp())
        set_param(ours, "weight", exp(learn_like(ours.weight)))
    elif kind == "product, rank 4":
        parametrize.register_parametrization(theirs, "weight", Product(4), unsafe=True)
        set_param(ours, "weight", learn(30, 4) @ learn(4, 20))
    elif kind.startswith("weight norm"):
        if kind == FUSED:
            parametrizations.weight_norm(theirs)
        else:
            parametrize.register_parametrization(theirs, "weight", Normed())
        set_param(ours, "weight", weight_norm(ours.weight))
    else:
        other = nn.Linear(30, 20)
        parametrize.register_parametrization(theirs, "weight", Turned(other))
        set_param(ours, "weight", ref(other, "weight").T)
    return theirs, ours


def read(layer: nn.Module) -> Callable[[], None]:
    """Return what reads a layer's weight many times."""

    def run() -> None:
        for _ in range(READS):
            layer.weight  # noqa: B018

    return run


def medians(
    candidates: Mapping[str, Callable[[], object]],
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Return the median time of each, in seconds, all taking turns."""
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for round_ in range(rounds + 2):
        for name, run in candidates.items():
            began = clock()
            run()
            if round_ > 1:  # the first two warm up
                times[name].append(clock() - began)
    return {name: statistics.median(taken) for name, taken in times.items()}


class Net(nn.Module):
    """Three layers with weight norm: by expressions, or computed by hand in `forward`."""

    def __init__(self, *, conv: bool, by_hand: bool) -> None:
        super().__init__()
        self.conv, self.by_hand = conv, by_hand
        widths = [(16, 64), (64, 64), (64, 16)] if conv else [(64, 256), (256, 256), (256, 64)]
        make = (lambda a, b: nn.Conv1d(a, b, 3, padding=1)) if conv else nn.Linear
        self.layers = nn.ModuleList(make(*pair) for pair in widths)
        self.gains = nn.ParameterList()
        for layer in self.layers:
            if by_hand:
                self.gains.append(_length(layer.weight).detach())
            else:
                set_param(layer, "weight", weight_norm(layer.weight))

    def forward(self, x: Tensor) -> Tensor:
        """Return the output, of the shape of x."""
        for number, layer in enumerate(self.layers):
            weight = layer.weight
            if self.by_hand:
                weight = weight * (self.gains[number] / _length(weight))
            call = F.conv1d if self.conv else F.linear
            x = call(x, weight, layer.bias, **({"padding": 1} if self.conv else {})).tanh()
        return x


def _length(weight: Tensor) -> Tensor:
    return torch.linalg.vector_norm(weight, dim=tuple(range(1, weight.ndim)), keepdim=True)


def step(model: nn.Module, x: Tensor, *, compiled: bool = True) -> Callable[[], None]:
    """Return a training step."""
    call = torch.compile(model, fullgraph=True) if compiled else model
    optimiser = torch.optim.SGD(model.parameters(), 0.01)

    def run() -> None:
        optimiser.zero_grad(set_to_none=True)
        call(x).square().mean().backward()
        optimiser.step()

    return run


def evaluations() -> tuple[int, int]:
    """Count evaluations in a step of ten reads: outside `cached` and inside."""
    counts = [0]

    def counted(x: Tensor) -> Tensor:
        counts[0] += 1
        return x.exp()

    layer = nn.Linear(8, 8)
    set_param(layer, "weight", expr(counted, learn(8, 8)))

    def ten_reads() -> int:
        counts[0], x = 0, torch.ones(1, 8)
        for _ in range(10):
            x = layer(x).tanh()
        x.sum().backward()
        return counts[0]

    outside = ten_reads()
    with cached(layer):
        return outside, ten_reads()


def written_out(model: Model) -> Model:
    """Take a system's expressions out, and have hand-written properties call the same functions."""
    for module in list(model.modules()):
        formulas = [(k, f) for k, f in module.named_children() if isinstance(f, Formula)]
        body: dict[str, Any] = {}
        for key, formula in formulas:
            name, values = key.removesuffix("_expr"), iter(formula.leaf_values())
            call: Any = formula.expression
            args = [next(values) if isinstance(arg, Expression) else arg for arg in call.args]
            remove(module, name)
            del module._parameters[name]
            module.register_module(f"{name}_leaves", nn.ParameterList(formula.parameters()))
            body[name] = property(partial(_called, call.function, args))
        if body:
            module.__class__ = type(type(module).__name__, (type(module),), body)
    return model


def _called(function: Callable[..., Tensor], args: list[Any], module: nn.Module) -> Tensor:
    return function(*args)


def systems() -> dict[str, tuple[Callable[[], Model], dict[str, Tensor]]]:
    """Return what builds systems with expressions, and a batch for each."""
    settings: dict[str, Any] = {"weight_norm": True, "tied": True, "head": [48]}
    audio = {"audio": torch.rand(2, 1, 4096) * 2 - 1}
    images = {"image": torch.randint(256, (64, 1, 8, 8))}
    return {
        "WaveNet, weight norm and tied": (partial(_built, "wavenet", **settings), audio),
        "Glow, PLU": (partial(_built, "glow"), images),
    }


def _built(name: str, **settings: Any) -> Model:
    torch.manual_seed(0)
    return registry.build(name, "small", **settings)


def system_step(model: Model, batch: dict[str, Tensor]) -> Callable[[], float]:
    """Return a training step, which returns its loss."""
    (phase,) = model.phases()
    optimiser = torch.optim.Adam(phase.parameters, 1e-3)

    def run() -> float:
        torch.manual_seed(0)
        optimiser.zero_grad(set_to_none=True)
        loss = torch.stack(list(phase.loss(batch).values())).sum()
        loss.backward()
        optimiser.step()
        return loss.item()

    return run


def report_systems(rounds: int) -> bool:
    """Print steps of typica's own systems; whether they take as long as those written out."""
    good = True
    print("a training step of a system, eager    by hand   expressions   ratio")
    for title, (build, batch) in systems().items():
        models = {"hand": written_out(build()), "ours": build()}
        steps = {name: system_step(model, batch) for name, model in models.items()}
        one, two = (step() for step in steps.values())
        assert abs(one - two) < 1e-5, "not the same system"
        taken = medians(steps, rounds, time.process_time)
        ratio = taken["ours"] / taken["hand"]
        good &= ratio <= SYSTEMS
        milli = {name: 1e3 * seconds for name, seconds in taken.items()}
        print(f"  {title:<30} {milli['hand']:8.1f} ms {milli['ours']:10.1f} ms {ratio:7.3f}")
    return good


def low_rank_steps(size: int) -> dict[str, Callable[[], object]]:
    """Return a step, forwards and backwards, of layers of low rank."""
    rank, x = size // 16, torch.randn(32, size)
    plain, theirs, product, two = (nn.Linear(size, size) for _ in range(4))
    parametrize.register_parametrization(theirs, "weight", Product(rank), unsafe=True)
    set_param(product, "weight", learn(size, rank) @ learn(rank, size))
    set_param(two, "weight", low_rank(two.weight, rank))
    every = {"plain": plain, "parametrize": theirs, "a @ b": product, "low_rank": two}
    return {name: step(layer, x, compiled=False) for name, layer in every.items()}


def report_reads(rounds: int) -> bool:
    """Print the cost of reading; whether it is at most parametrize's."""
    good = True
    print("reading a weight, eager          parametrize   expressions   ratio")
    for kind in ("exponential", "product, rank 4", "weight norm", "tied", FUSED):
        theirs, ours = layers(kind)
        taken = medians({"theirs": read(theirs), "ours": read(ours)}, rounds)
        ratio = taken["ours"] / taken["theirs"]
        good &= ratio <= 1 or kind == FUSED
        micro = {name: 1e6 * seconds / READS for name, seconds in taken.items()}
        print(f"  {kind:<28} {micro['theirs']:10.1f} us {micro['ours']:10.1f} us {ratio:7.2f}")
    return good


def report_compiled(rounds: int) -> bool:
    """Print compiled steps; whether they take as long as those by hand."""
    good = True
    print("a training step, compiled            by hand   expressions   ratio")
    for conv in (False, True):
        x = torch.randn(32, 16, 256) if conv else torch.randn(256, 64)
        steps = {name: step(Net(conv=conv, by_hand=name == "hand"), x) for name in ("hand", "ours")}
        taken = medians(steps, 4 * rounds)
        ratio = taken["ours"] / taken["hand"]
        good &= ratio <= COMPILED
        name = "convolutions" if conv else "linear layers"
        milli = {name: 1e3 * seconds for name, seconds in taken.items()}
        print(f"  {name:<28} {milli['hand']:10.2f} ms {milli['ours']:10.2f} ms {ratio:7.2f}")
    return good


def main() -> int:
    """Print the figures; 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    reads = report_reads(options.rounds)
    compiled = report_compiled(options.rounds)
    in_systems = report_systems(2 * options.rounds)
    outside, inside = evaluations()
    print(f"evaluations in a step of ten reads   outside cached {outside}, inside {inside}")
    print("a step of low-rank layers, eager, ms   plain  parametrize   a @ b   low_rank")
    for size in (64, 256, 1024):
        taken = medians(low_rank_steps(size), options.rounds)
        words = " ".join(f"{1e3 * seconds:9.3f}" for seconds in taken.values())
        print(f"  n = {size:<30} {words}")
    for met, what in (
        (reads, "a read costs at most parametrize's"),
        (compiled, f"compiled at most {COMPILED} times the step by hand"),
        (in_systems, f"a system's step at most {SYSTEMS} times the step by hand"),
        ((outside, inside) == (10, 1), "one evaluation a step inside cached"),
    ):
        print(f"target   {what}: {'met' if met else 'MISSED'}")
    return int(not (reads and compiled and in_systems and inside == 1))


if __name__ == "__main__":
    sys.exit(main())
