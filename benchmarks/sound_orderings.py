"""Orders of sound's samples, learnt by one network: as they come, and in slices drawn together.

    python benchmarks/sound_orderings.py                   # on chorales made anew
    python benchmarks/sound_orderings.py --data chorales   # on a corpus at 8 kHz
    python benchmarks/sound_orderings.py plain 4,8         # some orders: slices, look-ahead

A WaveNet learns for equal processor time in every order, from crops that hold as many samples to
learn beside what its context wants. Bits a sample are exact, of held-out crops, and are told by
slice; speeds are of one stream, by the compiled engine. Wanted: with a look-ahead of 8, slices cost
at most 2 % more bits than the plain order; the first is the dearest; and 4 slices are drawn faster.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch import Tensor

from typica.core import registry
from typica.core.model import ExplicitModel
from typica.core.randomness import seeded, seeded_globally
from typica.data.corpora.chorales import Chorales
from typica.data.corpus import Corpus, open_corpus
from typica.data.crops import Crops
from typica.data.prepare import prepare
from typica.engines.compiler import compile as compile_engine
from typica.evaluation.baselines import fit_baselines, price
from typica.evaluation.stretches import choose
from typica.training.learner import Learner, own_randomness
from typica.training.processes import Processes
from typica.training.settings import PhaseConfig, TrainingConfig

NETWORK = {"stacks": 1, "layers": 8, "channels": 32, "gate": 32, "skip": 64, "head": [64]}
ORDERS = ("plain", "2,0", "2,8", "4,0", "4,8")
LENGTH, BATCH, RATE = 4096, 2, 8000
MOST_MORE = 1.02  # times the bits of the plain order
ALONE = Processes(torch.device("cpu"))


def main() -> int:
    """Print a row for each order; 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("orders", nargs="*", default=ORDERS, help="plain, or slices,look-ahead")
    parser.add_argument("--data", help="a corpus at 8 kHz, by name or folder")
    parser.add_argument("--seconds", type=float, default=180, help="of processor time, each")
    parser.add_argument("--crops", type=int, default=64, help="held out")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    corpus = open_corpus(options.data) if options.data else _chorales()
    print(f"{_markov(corpus):.3f} bits a sample by a first-order Markov chain")
    print(
        f"{'order':6} parameters  steps  bits a sample      samples/CPU-s  begins in; bits by slice"
    )
    bits, speeds = {}, {}
    for order in options.orders or ORDERS:
        model, steps = _trained(order, corpus, options)
        found = _bits(model, corpus, options)
        bits[order], (speeds[order], start) = found.mean(1), _speed(model)
        _row(order, model, steps, found, speeds[order], start)
    return int(not _meets(bits, speeds))


def _chorales() -> Corpus:
    return prepare(Chorales(), Path(tempfile.mkdtemp()) / "chorales", rate=RATE)


def _markov(corpus: Corpus) -> float:
    quantiser = registry.build("wavenet", "tiny").quantiser
    prices = price(fit_baselines(corpus, quantiser), corpus, choose(corpus, "valid"), quantiser)
    return next(one.mean.value for one in prices if one.name == "first-order Markov")


def _model(order: str, seed: int) -> ExplicitModel:
    with seeded_globally(seed):
        if order == "plain":
            return registry.from_settings("wavenet", dict(NETWORK))
        factor, look_ahead = (int(word) for word in order.split(","))
        inner = {"system": "wavenet", **NETWORK}
        settings = {"factor": factor, "look_ahead": look_ahead, "look_back": 8, "inner": inner}
        return registry.build("subscale_sound", "small", told_channels=32, **settings)


def _trained(order: str, corpus: Corpus, options: argparse.Namespace) -> tuple[ExplicitModel, int]:
    """Return a model that has learnt for some time, and its steps."""
    model = _model(order, options.seed)
    crops = _crops(corpus, "train", model, BATCH, options.seed)
    settings = TrainingConfig(average=0.99, seed=options.seed)
    phases = {"likelihood": PhaseConfig(learning_rate=5e-3, warmup=20)}
    learner = Learner(model, model.phases(), settings, phases, ALONE)
    began, steps, done = time.process_time(), 0, 0.0
    with own_randomness(ALONE.device):
        while done < 1:
            learner.step(crops.batch, done)
            done, steps = (time.process_time() - began) / options.seconds, steps + 1
    return learner.average.model.eval().requires_grad_(False), steps


def _crops(corpus: Corpus, split: str, model: ExplicitModel, batch: int, seed: int) -> Crops:
    shape = {"length": LENGTH, "context": model.context, "batch": batch}
    return Crops(corpus, split, seed=seed, **shape)


@torch.no_grad()
def _bits(model: ExplicitModel, corpus: Corpus, options: argparse.Namespace) -> Tensor:
    """Return bits of the samples of held-out crops, (crops, samples); their places are alike."""
    found = []
    crops = _crops(corpus, "valid", model, 4, options.seed)
    for number in range(options.crops // 4):
        audio = crops.batch(number)["audio"]
        if hasattr(model, "sample_log_probs"):
            nats = model.sample_log_probs(audio)
        else:
            nats = model.conditionals(audio).log_prob(model.symbols(audio))
        found.append(-nats[:, model.context :] / math.log(2))
    return torch.cat(found).double()


def _speed(model: ExplicitModel) -> tuple[float, float]:
    """Return samples that a CPU-second draws, the best of five, and seconds to the first."""
    engine = compile_engine(model)
    state = engine.draw(engine.start(1), 1, generator=seeded(0)).state
    began = time.process_time()
    engine.draw(engine.start(1), 1, generator=seeded(0))
    start, best = time.process_time() - began, math.inf
    for _ in range(5):
        began = time.process_time()
        engine.draw(state, 2 * RATE, generator=seeded(1))
        best = min(best, time.process_time() - began)
    return 2 * RATE / best, start


def _row(
    order: str, model: ExplicitModel, steps: int, bits: Tensor, speed: float, start: float
) -> None:
    """Print what one order costs: a 95 % interval over crops, then its slices."""
    each, size = bits.mean(1), sum(parameter.numel() for parameter in model.parameters())
    half = 1.96 * float(each.std()) / math.sqrt(len(each))
    factor = 1 if order == "plain" else model.factor
    # The first scored sample need not be of the first slice.
    first = model.context % factor
    own = [float(bits[:, (b - first) % factor :: factor].mean()) for b in range(factor)]
    print(
        f"{order:6} {size:10,} {steps:6}  {float(each.mean()):.3f} +- {half:.3f}  {speed:13,.0f}  "
        f"{start:6.2f} s; {' '.join(f'{one:.3f}' for one in own)}",
        flush=True,
    )


def _meets(bits: dict[str, Tensor], speeds: dict[str, float]) -> bool:
    """Tell how orders compare, crop by crop, and whether what was wanted is so."""
    if "plain" not in bits:
        return True
    met = True
    for order in [one for one in bits if one != "plain"]:
        apart = bits[order] - bits["plain"]
        half = 1.96 * float(apart.std()) / math.sqrt(len(apart))
        ratio = speeds[order] / speeds["plain"]
        print(
            f"{order}: {float(apart.mean()):+.3f} +- {half:.3f} bits, {ratio:.2f} times the speed"
        )
        met &= (
            not order.endswith(",8")
            or float(bits[order].mean() / bits["plain"].mean()) <= MOST_MORE
        )
        met &= not order.startswith("4") or ratio > 1
    print("all targets met" if met else "missed")
    return met


if __name__ == "__main__":
    sys.exit(main())
