"""Engines on the reference WaveNet "W64", against eager torch and against this machine's limits.

    python benchmarks/engines.py [--rounds 40] [--seconds 10] [--run RUN]

W64: 2 x 10 layers, residual 64, gates 2 x 64, skips 128, head 128, 256 levels; 645,760 parameters,
618,496 multiplications a sample. All candidates and the limits (benchmarks/limit: FMA peak, and
reading as many bytes as the weights are) are timed in turns, in short windows. One thread, and CPU
time of that thread, but for "2 threads", which is wall time. Every candidate's logits are held
against the module's over 2,000 steps first. "plain" eager is the performance page's peer, "folded"
the fastest eager step that we could write: see eager_wavenet.py.

The weight-streaming limit is the bandwidth divided by the bytes of the weights a sample. A kernel
that reads the weights of far taps once for several samples may pass it: "own" is the limit with
those bytes counted so.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from eager_wavenet import FoldedSteps, PlainSteps
from limit.machine import Machine
from typica.core import registry
from typica.core.engine import Engine, StepEngine
from typica.core.errors import TypicaError
from typica.core.model import AutoregressiveModel
from typica.core.randomness import seeded
from typica.engines.compiler import compile
from typica.engines.cost import precision_cost
from typica.engines.gated.engine import GatedEngine

W64 = {"stacks": 2, "layers": 10, "channels": 64, "gate": 64, "skip": 128, "head": [128]}
MULTIPLICATIONS = 618_496  # a sample
BYTES = {"float32": 4, "bfloat16": 2, "int8": 1}  # a weight
STEPS = 2_000  # that logits are checked over
BACKENDS = {"numba": "float32", "float32": "float32", "bfloat16": "bfloat16", "int8": "int8"}


@dataclass
class Candidate:
    """What is timed.

    Attributes:
        work: Does a window of it and returns how much that was.
        wall: Whether CPU time says nothing, since several threads work.
        rates: Of the windows, by CPU time or wall time.
        walls: By wall time.
    """

    work: Callable[[], float]
    wall: bool = False
    rates: list[float] = field(default_factory=list)
    walls: list[float] = field(default_factory=list)

    def take_turn(self) -> None:
        """Time a window."""
        wall, cpu = time.perf_counter(), time.thread_time()
        done = self.work()
        wall, cpu = time.perf_counter() - wall, time.thread_time() - cpu
        self.walls.append(done / wall)
        self.rates.append(done / (wall if self.wall else cpu))

    @property
    def median(self) -> float:
        """Median rate of the windows."""
        return statistics.median(self.rates)

    @property
    def best(self) -> float:
        """Rate of the best window."""
        return max(self.rates)


def build() -> AutoregressiveModel:
    """Return W64 with random weights, whose logits spread as a trained one's do."""
    torch.manual_seed(0)
    model = registry.build("wavenet", "tiny", **W64).requires_grad_(False)
    for parameter in model.parameters():
        # Beside what it begins with, which for the last layer is zero.
        parameter += torch.randn(parameter.shape) / max(parameter.shape[-2:][0], 64) ** 0.5
    assert isinstance(model, AutoregressiveModel)
    assert sum(parameter.numel() for parameter in model.parameters()) == 645_760
    return model


def engines(model: AutoregressiveModel, threads: int = 1) -> dict[str, Engine]:
    """Return the compiled engines there are, by their names here."""
    found = {}
    for name, weights in BACKENDS.items():
        backend = "numba" if name == "numba" else "c++"
        try:
            found[name] = compile(model, weights=weights, backend=backend, threads=threads)
        except TypicaError as error:
            print(f"{name}: {error}")
    return found


# ---- agreement


def check(model: AutoregressiveModel, compiled: dict[str, Engine]) -> dict[str, float]:
    """Print how far each candidate's log-probabilities are from the module's; return them."""
    symbols = torch.randint(0, 256, (1, STEPS), generator=seeded(1))
    exact = StepEngine(model)
    expected = exact.follow(symbols, exact.start(1))[0].logits
    found = {name: one.follow(symbols, one.start(1))[0].logits for name, one in compiled.items()}
    found |= {
        name: _followed(steps(model, 1), symbols)
        for name, steps in (("plain eager", PlainSteps), ("folded eager", FoldedSteps))
    }
    off = {name: float((logits - expected).abs().max()) for name, logits in found.items()}
    print(f"logits spread by {float(expected.std()):.2f}; the largest difference to the module's")
    for name, value in off.items():
        print(f"  {name:<14} {value:.1e} over {STEPS:,} steps")
    return off


def _followed(steps: PlainSteps, symbols: Tensor) -> Tensor:
    rows = []
    for symbol in symbols[0]:
        rows.append(steps.logits().log_softmax(-1))
        steps.previous = symbol[None]
    return torch.stack(rows, 1)


def costs(model: AutoregressiveModel, compiled: dict[str, Engine]) -> dict[str, float]:
    """Print what rounded weights cost on samples of the model; return divergences in nats."""
    drawn = compiled["float32"].draw(compiled["float32"].start(8), STEPS, generator=seeded(2))
    audio, divergences = model.render(drawn.symbols), {}
    for name in ("bfloat16", "int8"):
        if name in compiled:
            cost = precision_cost(compiled[name], model, audio)
            divergences[name] = cost.kl or 0.0
            print(f"  {name:<14} mean KL {cost.kl:.1e} nats, {cost.bits:.1e} bits a sample")
    return divergences


def cost_of_run(name: str) -> None:
    """Print what rounded weights cost a trained run."""
    from typica.actions.precision import measure_precision
    from typica.core.run import load

    run = load(name, "cpu")
    for weights in ("bfloat16", "int8"):
        try:
            engine = compile(run.model, weights=weights, threads=1)
        except TypicaError as error:
            print(f"  {weights}: {error}")
            continue
        print(f"  {measure_precision(run, engine).sentence}")


# ---- speed


def candidates(model: AutoregressiveModel, compiled: dict[str, Engine]) -> dict[str, Candidate]:
    """Return everything that is timed, by name."""
    found = {
        "plain eager, 1": Candidate(_eager(PlainSteps(model, 1), 1, 40)),
        "folded eager, 1": Candidate(_eager(FoldedSteps(model, 1), 1, 40)),
        "plain eager, 8": Candidate(_eager(PlainSteps(model, 8), 8, 20)),
        "model.step, 1": Candidate(_drawing(StepEngine(model), 1, 30)),
    }
    for name, engine in compiled.items():
        found[f"{name}, 1"] = Candidate(_drawing(engine, 1, 512))
        found[f"{name}, 8"] = Candidate(_drawing(engine, 8, 128))
    for name, engine in engines(model, threads=2).items():
        found[f"{name}, 64, 2 threads"] = Candidate(_drawing(engine, 64, 32), wall=True)
    small = registry.build("wavenet", "small").requires_grad_(False)
    found["small preset, 1"] = Candidate(_drawing(compile(small, threads=1), 1, 512))
    machine = Machine()
    found["FMA peak"] = Candidate(machine.multiply)
    for size in {size for engine in compiled.values() for size in _sizes(engine).values()}:
        found[_reading(size)] = Candidate(machine.reading(size))
    return found


def _reading(size: int) -> str:
    return f"reading {size / 1e6:.2f} MB"


def _eager(steps: PlainSteps, count: int, length: int) -> Callable[[], float]:
    def draw() -> float:
        steps.draw(length)
        return count * length

    return draw


def _drawing(engine: Engine, count: int, length: int) -> Callable[[], float]:
    """Return what goes on drawing, block after block."""
    state, generator = engine.start(count), seeded(1)

    def draw() -> float:
        nonlocal state
        state = engine.draw(state, length, generator=generator).state
        return count * length

    return draw


def _sizes(engine: Engine) -> dict[str, int]:
    """Return the bytes of weights that a sample needs at batch 1.

    "all" reads every matrix for every sample, "own" those of far taps once for a chunk.
    """
    assert isinstance(engine, GatedEngine)
    weight = next((size for kind, size in BYTES.items() if kind in engine.name), 4)
    shapes = engine.kernel.shapes
    main, chunk = shapes["Main"], shapes["CHUNK"]
    far = sum(main["CHANNELS"] * 2 * main["GATE"] for d in main["DILATION"] if d >= chunk)
    spared = far - far // chunk
    return {"all": weight * MULTIPLICATIONS, "own": weight * (MULTIPLICATIONS - spared)}


def tell_speed(timed: dict[str, Candidate], compiled: dict[str, Engine]) -> dict[str, float]:
    """Print rates and ratios; return the ratios that have targets."""
    eager, batch = timed["plain eager, 1"].median, timed["plain eager, 8"].median
    folded = timed["folded eager, 1"].median
    print(f"{'streams':<24} {'median':>9} {'best':>9} {'wall':>9}  samples/s; times plain, folded")
    for name, one in timed.items():
        if name.startswith(("FMA", "reading")):
            continue
        row = f"{name:<24} {one.median:9,.0f} {one.best:9,.0f} {statistics.median(one.walls):9,.0f}"
        if name.endswith(", 1") and not name.startswith("small"):
            row += f"  {one.median / eager:6.2f} {one.median / folded:6.2f}"
        if name.endswith(", 8"):
            row += f"  {one.median / batch:6.2f}"
        print(row)
    peak, ratios = timed["FMA peak"], {}
    for name in ("small preset, 1", "float32, 1"):
        ratios[f"real time, {name}"] = timed[name].median / 16_000
        print(f"{name}: {timed[name].median / 16_000:.2f} times real time at 16 kHz")
    limit = timed[_reading(4 * MULTIPLICATIONS)].median / (4 * MULTIPLICATIONS)
    print(f"reading float32 weights allows {limit / eager:.1f} times plain eager at batch 1,")
    print(f"  and {limit / folded:.1f} times folded eager")
    print(f"FMA peak {peak.median / 1e9:.1f} GFLOP/s (best {peak.best / 1e9:.1f})")
    for name, engine in compiled.items():
        ratios[f"{name} / eager"] = timed[f"{name}, 1"].median / eager
        for kind, size in _sizes(engine).items():
            reading = timed[_reading(size)]
            limit, best = reading.median / size, reading.best / size
            ratios[f"{name} / {kind} limit"] = timed[f"{name}, 1"].median / limit
            print(
                f"{name:<9} limit ({kind} {size / 1e6:.2f} MB): {limit:8,.0f} samples/s at "
                f"{reading.median / 1e9:.1f} GB/s (best {best:8,.0f}); reached "
                f"{timed[f'{name}, 1'].median / limit:.0%} (best by best "
                f"{timed[f'{name}, 1'].best / best:.0%})"
            )
        flop = 2 * MULTIPLICATIONS * timed[f"{name}, 8"].median
        ratios[f"{name} / peak"] = flop / peak.median
        print(f"{name:<9} batch 8: {flop / 1e9:.1f} GFLOP/s, {flop / peak.median:.0%} of the peak")
    return ratios


def tell_whole(bare: Candidate, seconds: float) -> dict[str, float]:
    """Print the rate of `typica sample`, from the run to the file; return it against the kernel's.

    It is W64 at 16 kHz in float32; the bare kernel has its turns before and after.
    """
    from typica.actions.sample import sample
    from typica.core.run import write_model

    bare.rates.clear()
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode(False):
        config = {"system": "wavenet", "rate": 16_000, "model": {**W64, "bits": 8}}
        write_model(Path(folder), build(), config)
        for _ in range(5):
            bare.take_turn()
        wall, cpu = time.perf_counter(), time.process_time()
        sample(folder, seconds=seconds, out=Path(folder) / "samples", device="cpu", backend="c++")
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        for _ in range(5):
            bare.take_turn()
    rate = 16_000 * seconds / cpu
    print(
        f"typica sample, {seconds:g} s of W64 at 16 kHz: {rate:,.0f} samples/s by CPU time, "
        f"{rate / bare.median:.0%} of the bare kernel's; {seconds / wall:.2f} times real time"
    )
    return {"end to end": rate / bare.median}


# ---- start-up and memory

START = """
import json, resource, sys, time
import torch
torch.set_num_threads(1)
sys.path.insert(0, {folder!r})
from engines import build
from typica.core.randomness import seeded
from typica.engines.compiler import compile
model = build()
began, cpu = time.perf_counter(), time.process_time()
children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
engine = compile(model, backend={backend!r}, weights={weights!r}, threads=1)
drawn = engine.draw(engine.start(1), 64, generator=seeded(1))
cpu = time.process_time() - cpu + resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - children
told = {{"seconds": time.perf_counter() - began, "cpu": cpu}}
print(json.dumps(told | {{"symbols": drawn.symbols[0].tolist()}}))
"""


def start(cache: str, backend: str, weights: str) -> subprocess.Popen:
    """Start a process that compiles W64 and draws 64 samples."""
    return _child(START, cache, backend, weights)


def _child(program: str, cache: str | None, backend: str, weights: str) -> subprocess.Popen:
    told = program.format(folder=str(Path(__file__).parent), backend=backend, weights=weights)
    own = {"OMP_NUM_THREADS": "1"} | ({"TYPICA_CACHE": cache} if cache else {})
    return subprocess.Popen(
        [sys.executable, "-c", told], env=os.environ | own, stdout=subprocess.PIPE, text=True
    )


def told(process: subprocess.Popen) -> dict[str, Any]:
    """Return what it told at its end."""
    output, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"a process ended with {process.returncode}")
    return json.loads(output)


def tell_start(kinds: dict[str, Engine]) -> dict[str, float]:
    """Print how long the first start and a cached one take; return those with targets."""
    ratios = {}
    for name in kinds:
        asked = ("numba" if name == "numba" else "c++", BACKENDS[name])
        with tempfile.TemporaryDirectory() as cache:
            first = told(start(cache, *asked))
            cached = [told(start(cache, *asked)) for _ in range(3)]
        seconds = statistics.median(one["seconds"] for one in cached)
        print(
            f"start {name:<9} first {first['seconds']:.1f} s (CPU {first['cpu']:.1f}), "
            f"cached {seconds:.2f} s (CPU {statistics.median(o['cpu'] for o in cached):.2f})"
        )
        ratios |= {f"{name} first start": first["seconds"], f"{name} cached start": seconds}
    with tempfile.TemporaryDirectory() as cache:
        both = [told(one) for one in [start(cache, "c++", "float32") for _ in "ab"]]
        libraries = len(list(Path(cache).rglob("*.so")))
    alike = both[0]["symbols"] == both[1]["symbols"]
    ratios["collisions"] = float(not alike or libraries != 1)
    print(
        f"two processes at once: {libraries} library, {'the same' if alike else 'OTHER'} symbols, "
        f"{max(one['seconds'] for one in both):.1f} s"
    )
    return ratios


MEMORY = """
import json, resource, sys
import torch
torch.set_num_threads(1)
sys.path.insert(0, {folder!r})
from engines import build
from typica.core import registry
from typica.core.randomness import seeded
from typica.engines.compiler import compile
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
def use(model):
    engine = compile(model, backend={backend!r}, weights={weights!r}, threads=1)
    return engine, engine.draw(engine.start(1), 64, generator=seeded(1)).state
first = use(registry.build("wavenet", "tiny").requires_grad_(False))  # code and libraries come
model = build()
before = resident()
engine, state = use(model)
print(json.dumps({{"grown": resident() - before, "held": engine.kernel.bytes + state.nbytes}}))
"""


def tell_memory(model: AutoregressiveModel, compiled: dict[str, Engine]) -> dict[str, float]:
    """Print by how much a process grows for an engine, against its weights and its state.

    A fresh process compiles a tiny network first, so that no code is counted, and then W64.
    """
    ratios = {}
    for name, engine in compiled.items():
        assert isinstance(engine, GatedEngine)
        weights = BYTES[BACKENDS[name]] * sum(one.numel() for one in model.parameters())
        rows = sum(engine.network.stack.memories) * W64["channels"]
        needed, asked = weights + 4 * rows, ("numba" if name == "numba" else "c++", BACKENDS[name])
        found = [told(_child(MEMORY, os.environ.get("TYPICA_CACHE"), *asked)) for _ in range(3)]
        grown = statistics.median(one["grown"] for one in found)
        ratios[f"{name} memory"] = grown / needed
        print(
            f"memory {name:<9} the process grew by {grown / 1e6:.2f} MB, {needed / 1e6:.2f} MB of "
            f"weights and state: {grown / needed:.2f} times; {found[0]['held'] / 1e6:.2f} MB held"
        )
    return ratios


# ---- targets

AT_LEAST = {
    "float32 / eager": 20.0,
    "float32 / all limit": 0.85,
    "float32 / peak": 0.75,
    "bfloat16 / eager": 40.0,
    "bfloat16 / peak": 0.60,
    "numba / eager": 9.0,
    "end to end": 0.8,
    "real time, small preset, 1": 1.0,
    "real time, float32, 1": 1.0,
}
AT_MOST = {
    "float32 logits": 1e-4,
    "numba logits": 1e-4,
    "bfloat16 KL": 1e-3,
    "float32 cached start": 1.0,
    "float32 first start": 15.0,
    "float32 memory": 1.5,
    "bfloat16 memory": 1.5,
    "int8 memory": 1.5,
    "numba memory": 1.5,
    "collisions": 0.0,
}


def judge(figures: dict[str, float]) -> int:
    """Print which targets are met; 1 if one is missed."""
    missed = 0
    for targets, sign in ((AT_LEAST, 1), (AT_MOST, -1)):
        for name, target in targets.items():
            if name not in figures:
                continue
            met = sign * (figures[name] - target) >= 0
            missed |= not met
            words = "at least" if sign > 0 else "at most"
            verdict = "met" if met else "MISSED"
            print(f"{name:<26} {figures[name]:9.3g}  {words} {target:g}: {verdict}")
    return int(missed)


def tell_machine() -> None:
    """Print where and when this is."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        cpu = platform.processor()
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{datetime.now():%Y-%m-%d %H:%M}, {cpu}, {os.cpu_count()} cores, load {load}")


@torch.inference_mode()
def main() -> int:
    """Print the figures; 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--run", help="a trained run whose price of rounded weights is told too")
    parser.add_argument("--seconds", type=float, default=10.0, help="what `typica sample` draws")
    options = parser.parse_args()
    torch.set_num_threads(1)
    tell_machine()
    model = build()
    compiled = engines(model)
    for engine in compiled.values():
        print(f"  {engine.name}")
    off = check(model, compiled)
    figures = {f"{name} logits": value for name, value in off.items()}
    figures |= {f"{name} KL": value for name, value in costs(model, compiled).items()}
    if options.run:
        cost_of_run(options.run)
    timed = candidates(model, compiled)
    for round_ in range(options.rounds + 1):
        for one in timed.values():
            one.take_turn()
            if not round_:  # the first warms up
                one.rates.clear()
                one.walls.clear()
    figures |= tell_speed(timed, compiled)
    figures |= tell_whole(timed["float32, 1"], options.seconds)
    figures |= tell_start(compiled) | tell_memory(model, compiled)
    tell_machine()
    return judge(figures)


if __name__ == "__main__":
    sys.exit(main())
