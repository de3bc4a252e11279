"""Beam search at width 8 against sampling of 8 streams, on the reference WaveNet "W64".

    python benchmarks/beam.py [--rounds 15]

Both take as many steps of the same engine, after a past as long as the receptive field; they are
timed in turns, by CPU time of one thread. The target is at most 1.5 times. "all leave" is a beam
whose hypotheses all go on from one parent at each step, which is the worst that there is to move;
it does the steps of a session alone, without the choice. Widths up to 1000 follow, a symbol's cost
for each of them.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch

from engines import build
from typica.core.engine import Engine, EngineState, StepEngine
from typica.core.randomness import seeded
from typica.core.session import open_session
from typica.decoding.search.beam import beam_search
from typica.engines.compiler import compile

WIDTH = 8
PAST = 2100  # samples: the receptive field is 2,047
TARGET = 1.5


def main() -> None:
    """Print the costs of a step."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    model = build()
    compiled = compile(model, backend="c++", threads=1)
    prompt = model.render(compiled.draw(compiled.start(1), PAST, generator=seeded(1)).symbols)
    for engine, steps in ((StepEngine(model), 24), (compiled, 256)):
        times = measure(_works(engine, engine.start(1, prompt=prompt), steps), rounds, steps)
        first = next(iter(times.values()))
        print(engine.name)
        for name, micros in times.items():
            print(f"  {name:<20} {micros:8.1f} us a step, {micros / first:5.2f} times sampling")
        print(f"  {'target':<20} {TARGET:25.2f} times")
    _widths(compiled, compiled.start(1, prompt=prompt))


def _works(engine: Engine, one: EngineState, steps: int) -> dict[str, Callable[[], object]]:
    many, generator = one.pick([0] * WIDTH), seeded(2)
    return {
        f"sampling, batch {WIDTH}": partial(engine.draw, many, steps, generator=generator),
        f"beam, width {WIDTH}": partial(beam_search, engine, one, steps, width=WIDTH),
        "session, none leave": partial(_move, engine, many, steps, list(range(WIDTH))),
        "session, all leave": partial(_move, engine, many, steps, [0] * WIDTH),
    }


def measure(works: dict[str, Callable[[], object]], rounds: int, steps: int) -> dict[str, float]:
    """Return the median CPU time of a step of each, in microseconds; they take turns."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds + 1):
        for name, work in works.items():
            begun = time.thread_time()
            work()
            times[name].append((time.thread_time() - begun) / steps * 1e6)
    return {name: statistics.median(found[1:]) for name, found in times.items()}


def _move(engine: Engine, state: EngineState, steps: int, parents: list[int]) -> None:
    session = open_session(engine, state)
    rows, symbols = torch.tensor(parents), torch.full((len(parents),), 128)
    for _ in range(steps):
        session.step()
        session.choose(rows, symbols)


def _widths(engine: Engine, state: EngineState) -> None:
    for width in (1, 8, 64, 1000):
        steps = max(32, 1024 // width)
        many = state.pick([0] * width)
        works: dict[str, Callable[[], object]] = {
            "sampling": partial(engine.draw, many, steps, generator=seeded(2)),
            "beam": partial(beam_search, engine, state, steps, width=width),
        }
        times = measure(works, 3, steps)
        ratio = times["beam"] / times["sampling"]
        print(f"  width {width:>4}: {times['beam']:10.1f} us a step, {ratio:5.2f} times sampling")


if __name__ == "__main__":
    main()
