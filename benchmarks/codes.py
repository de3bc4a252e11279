"""What codes are worth to a WaveNet, and what keeps a codebook alive: VQ-VAE and AMAE at 8 kHz.

    python benchmarks/codes.py                    # all, on chorales made anew: some minutes each
    python benchmarks/codes.py vq --data piano8   # one of them, on a corpus

Each is trained for as many steps on the same batches, and looked at on held-out recordings: bits a
sample given the codes, with zeros in their place, and how many codes are used. Wanted of "vq" and
of "argmax, a code for 8" after 500 steps: codes worth 0.5 bit a sample, a perplexity over 15.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import torch

from typica.core import registry
from typica.core.model import Model
from typica.data.corpora.chorales import Chorales
from typica.data.corpus import Corpus, open_corpus
from typica.data.prepare import prepare
from typica.evaluation.code_use import measure_codes
from typica.evaluation.stretches import choose
from typica.training.job import describe
from typica.training.learner import Learner, own_randomness
from typica.training.processes import Processes

WORTH, PERPLEXITY = 0.5, 15.0
HELD_OUT_S = 20.0
DECODER = {"system": "wavenet", "stacks": 1, "layers": 7, "channels": 24, "gate": 24, "skip": 48}
BASE = {"channels": 32, "codes": 128, "width": 32, "commitment": 0.05, "modulator_channels": 64}
ARGMAX = {"bottleneck": "argmax", "strides": [2, 2, 2], "codes": 64, "commitment": 1.0}
VARIANTS = {
    "vq": {},
    "vq, no restarts": {"restart_below": 0.0},
    "vq, no restarts, a codebook far away": {"restart_below": 0.0, "initial": "normal"},
    "vq, restarts, a codebook far away": {"initial": "normal"},
    "argmax, a code for 8": ARGMAX | {"diversity": 0.01},
    "argmax, used evenly": ARGMAX | {"diversity": 0.05},
}
WANTED = ("vq", "argmax, a code for 8")
FAR = 10.0  # times as large as it is drawn


def main() -> int:
    """Print a row for each; 1 if the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"some of: {'; '.join(VARIANTS)}")
    parser.add_argument("--data", help="a corpus at 8 kHz, by name or folder")
    parser.add_argument("--steps", type=int, default=500)
    options = parser.parse_args()
    torch.set_num_threads(1)
    corpus = open_corpus(options.data) if options.data else _chorales()
    print(f"{'':40} steps  told  untold  worth  perplexity  used  CPU-s a step")
    missed = False
    for name in options.names or VARIANTS:
        model, seconds = _train(corpus, name, options.steps)
        use = measure_codes(model, corpus, choose(corpus, "valid", HELD_OUT_S))
        assert use is not None
        print(
            f"{name:40} {options.steps:5} {use.told:6.3f} {use.untold:6.3f} {use.worth:6.3f} "
            f"{use.perplexity:8.1f} {use.used:9} {seconds / options.steps:9.2f}",
            flush=True,
        )
        missed |= name in WANTED and (use.worth < WORTH or use.perplexity < PERPLEXITY)
    print("missed" if missed else "all targets met")
    return int(missed)


def _chorales() -> Corpus:
    return prepare(Chorales(), Path(tempfile.mkdtemp()) / "chorales", rate=8000)


def _train(corpus: Corpus, name: str, steps: int) -> tuple[Model, float]:
    """Return the averaged model after so many steps, and the processor's seconds."""
    tables = registry.preset("vqvae", "tiny") | {
        "model": BASE | {"decoder": DECODER | {"head": [48]}} | VARIANTS[name],
        "data": {"crop": 2048, "batch": 4, "rate": 8000},
        "training": {"steps": steps, "average": 0.99},
        "likelihood": {"learning_rate": 2.0e-3},
    }
    job = describe("vqvae", "tiny", tables, corpus)
    if "far" in name:
        job.model.bottleneck.codebook.mul_(FAR)
    settings = job.settings
    alone = Processes(torch.device("cpu"))
    learner = Learner(job.model, job.phases, settings.training, settings.phases, alone)
    crops = job.crops("train")
    began = time.process_time()
    with own_randomness(alone.device):
        for step in range(steps):
            learner.step(crops.batch, step / steps)
    return learner.average.model, time.process_time() - began


if __name__ == "__main__":
    sys.exit(main())
