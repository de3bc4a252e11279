"""Is a population worth its steps? Codebooks that compete against the same ones trained alone.

    python benchmarks/population.py                   # on chorales made anew
    python benchmarks/population.py --data chorales   # on a corpus at 8 kHz

The same members (first weights, hyper-parameters, batches) take the same number of steps twice:
each by itself, and as a population. Codes are not restarted and their vectors are drawn from
N(0, 1): a codebook that may collapse, which is what a population is for. Fitness is measured on
the held-out crops by which members compete and, in brackets, on test crops that decide nothing.
Wanted: on both the population's best is fitter than the median of those trained alone.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import torch

from typica.core import registry
from typica.data.corpora.chorales import Chorales
from typica.data.corpus import Corpus, open_corpus
from typica.data.prepare import prepare
from typica.training.fitness import Fitness, fitness
from typica.training.job import Job, describe
from typica.training.population import assemble, evolve
from typica.training.processes import Processes
from typica.training.selection import Population, PopulationConfig

TEST_BATCHES = 8
DECODER = {"system": "wavenet", "stacks": 1, "layers": 6, "channels": 16, "gate": 16, "skip": 32}
MODEL = {"channels": 16, "strides": [2, 2, 2, 2, 2], "codes": 64, "width": 16}
MODEL |= {"restart_below": 0.0, "initial": "normal", "commitment": 0.05, "modulator_channels": 32}
MODEL |= {"decoder": DECODER | {"head": [32]}}
ALONE = Processes(torch.device("cpu"))


def main() -> int:
    """Print a row for each member; 1 if the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="a corpus at 8 kHz, by name or folder")
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--every", type=int, default=15)
    parser.add_argument("--members", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    corpus = open_corpus(options.data) if options.data else _chorales()
    config = PopulationConfig(members=options.members, every=options.every)
    began = time.process_time()
    print("fitness, bits, perplexity on held-out crops [on test crops]")
    population = assemble(_job(corpus, options), config, ALONE)
    print("\n".join(str(one) for one in population.settings()))
    population.advance(options.steps)
    alone = _judged("alone", population, _job(corpus, options), config)
    evolved = evolve(_job(corpus, options), config)
    together = _judged("together", evolved.population, _job(corpus, options), config)
    best = evolved.history[-1]["best"]
    gains = [
        ours[best].value - median(one.value for one in theirs)
        for ours, theirs in zip(together, alone, strict=True)
    ]
    over_best = [
        ours[best].value - max(one.value for one in theirs)
        for ours, theirs in zip(together, alone, strict=True)
    ]
    print(f"the population's best, member {best}, over the median alone: {_pair(gains)}")
    print(f"over the best alone: {_pair(over_best)}")
    print(f"{time.process_time() - began:.0f} seconds of CPU time")
    print("missed" if min(gains) <= 0 else "target met")
    return int(min(gains) <= 0)


def _chorales() -> Corpus:
    return prepare(Chorales(), Path(tempfile.mkdtemp()) / "chorales", rate=8000)


def _job(corpus: Corpus, options: argparse.Namespace) -> Job:
    tables = registry.preset("vqvae", "tiny") | {
        "model": MODEL,
        "data": {"crop": 512, "batch": 4, "rate": 8000},
        "training": {
            "steps": options.steps,
            "average": 0.98,
            "validate_seconds": 2,
            "seed": options.seed,
        },
        "likelihood": {"learning_rate": 2.0e-3},
    }
    return describe("vqvae", "tiny", tables, corpus)


def _judged(
    name: str, population: Population, job: Job, config: PopulationConfig
) -> tuple[list[Fitness], list[Fitness]]:
    """Return and print the fitness of all members on held-out and on test crops."""
    models = [member.learner.average.model for member in population.members]
    draw, weight = job.crops("test").batch, config.use_weight
    held_out = [population.judge(model) for model in models]
    test = [fitness(model, draw, TEST_BATCHES, ALONE.device, weight) for model in models]
    for number, pair in enumerate(zip(held_out, test, strict=True)):
        one, other = (f"{f.value:7.3f} {f.bits:6.3f} {f.perplexity:5.1f}" for f in pair)
        print(f"{name:9} {number} {one}  [{other}]", flush=True)
    return held_out, test


def _pair(values: list[float]) -> str:
    return f"{values[0]:+.3f} [{values[1]:+.3f}]"


if __name__ == "__main__":
    sys.exit(main())
