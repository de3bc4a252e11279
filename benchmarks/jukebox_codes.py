"""What a Jukebox's codes keep of sound, and what of its autoencoder that hangs on: ablations.

    python benchmarks/jukebox_codes.py                      # all, on chorales made anew
    python benchmarks/jukebox_codes.py base "hop 32" --data chorales --steps 300

Each autoencoder is trained by itself, for as many steps on the same batches at 8 kHz, and looked at
on held-out excerpts of 3 s. convergence: 20 log10 of how far the magnitudes of spectra lie apart,
relative to those of the recording, with a standard error over excerpts; less is better. above 2
kHz: energy there, relative to the recording's. perplexity: of the codes. entropy: of the codes in
bits, early in training, after so many steps. What the paper found of each pair is looked for too:
the order counts, not the decibels (Dhariwal et al., 2020, tables 1 to 3).
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from typica.core import registry
from typica.core.randomness import seeded
from typica.data.corpora.chorales import Chorales
from typica.data.corpus import Corpus, open_corpus
from typica.data.prepare import prepare
from typica.evaluation.stretches import excerpts, held_out_split
from typica.layers.codebook import Coded
from typica.systems.cascades.jukebox import Autoencoder, spectral_convergence_db
from typica.training.job import describe
from typica.training.learner import Learner, own_randomness
from typica.training.processes import Processes

RATE, EXCERPTS, EXCERPT_S = 8000, 16, 3
HIGH_HZ = 2000
EARLY = (10, 30, 100)  # steps after which the use of codes is looked at
TRANSFORMER = {"system": "sparse_transformer", "positions": 64, "stride": 8, "layers": 1}
BASE = {"halvings": [3], "channels": 24, "depth": 3, "width": 32, "codes": 256} | {
    "windows": [512, 256, 128],
    "prior": TRANSFORMER | {"width": 8, "heads": 1},  # never trained
    "upsamplers": [],
}
HIGH, OPEN = {"halvings": [5]}, "no quantisation"
VARIANTS: dict[str, dict[str, Any]] = {
    "base": {},
    "hop 32": HIGH,
    "hop 32, no spectral loss": HIGH | {"spectral": 0.0},
    OPEN: {},
    "64 codes": {"codes": 64},
    "no restarts": {"restart_below": 0.0},
    "base, another seed": {},
}
PUBLISHED = (  # better, worse; by which figure; published decibels
    ("base", "hop 32", "convergence", "-23.0 before -12.4, of hops 8 and 32"),
    ("base", "64 codes", "convergence", "-23.0 before -15.9, of 2,048 and 256 codes"),
    (OPEN, "base", "convergence", "-40.5 before -23.0"),
    ("base", "no restarts", "convergence", "-23.0 before -21.1"),
    ("hop 32", "hop 32, no spectral loss", "convergence", "-8.3 before -6.3, of hop 128"),
    ("hop 32", "hop 32, no spectral loss", "high", "told, without a figure"),
    ("base", "no restarts", "early", "told, without a figure"),
)


class Found(NamedTuple):
    """What is found of an autoencoder.

    Attributes:
        convergence: Mean over excerpts, in decibels.
        error: Its standard error.
        high: Energy above 2 kHz, in decibels of the recordings'.
        perplexity: Of the codes; not a number without any.
        early: Bits of the codes' entropy after each of `EARLY` steps.
        seconds: Of the processor, a step.
    """

    convergence: float
    error: float
    high: float
    perplexity: float
    early: tuple[float, ...]
    seconds: float

    def merit(self, figure: str) -> float:
        """Return a figure such that more is better."""
        early = statistics.fmean(self.early)
        return {"convergence": -self.convergence, "high": -abs(self.high), "early": early}[figure]


class Open(nn.Module):
    """In place of a codebook: passes everything on."""

    def forward(self, vectors: Tensor) -> Coded:
        """Pass vectors (batch, width, frames) on; all have code 0."""
        codes = torch.zeros_like(vectors[:, 0], dtype=torch.int64)
        return Coded(vectors, codes, {"commitment": vectors.sum() * 0})


def main() -> int:
    """Print a row for each and what came out as published; 1 if something did not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"some of: {'; '.join(VARIANTS)}")
    parser.add_argument("--data", help="a corpus at 8 kHz, by name or folder")
    parser.add_argument("--steps", type=int, default=400)
    options = parser.parse_args()
    torch.set_num_threads(1)
    corpus = open_corpus(options.data) if options.data else _chorales()
    x = _held_out(corpus)
    for name, again in _distortions(x).items():
        print(f"{name:26} {_convergence(x, again)[0]:7.2f} dB  {_high_db(x, again):+6.1f} dB high")
    print(f"{'':26} convergence   above 2 kHz  perplexity  entropy after {EARLY}  CPU-s a step")
    found = {}
    for name in options.names or VARIANTS:
        found[name] = one = _examine(corpus, name, options.steps, x)
        early = " ".join(f"{bits:.2f}" for bits in one.early)
        print(
            f"{name:26} {one.convergence:6.2f} ± {one.error:.2f} {one.high:+10.1f} dB "
            f"{one.perplexity:10.1f}  {early:>20} {one.seconds:12.3f}",
            flush=True,
        )
    return _compare(found)


def _compare(found: dict[str, Found]) -> int:
    """Tell which of the published orders came out."""
    missed = 0
    for better, worse, figure, published in PUBLISHED:
        if better in found and worse in found:
            margin = found[better].merit(figure) - found[worse].merit(figure)
            missed |= margin <= 0
            words = "came out" if margin > 0 else "did NOT come out"
            print(
                f"{words}: {better!r} before {worse!r} in {figure}, by {margin:+.2f} ({published})"
            )
    return int(missed)


def _chorales() -> Corpus:
    return prepare(Chorales(), Path(tempfile.mkdtemp()) / "chorales", rate=RATE)


def _held_out(corpus: Corpus) -> Tensor:
    """Return excerpts, (excerpts, 1, samples)."""
    chosen = excerpts(corpus, held_out_split(corpus), EXCERPTS, EXCERPT_S * RATE)
    return torch.stack([corpus.audio(*one) for one in chosen])


def _distortions(x: Tensor) -> dict[str, Tensor]:
    """Return what is known of a recording: to read the decibels by."""
    spectrum = torch.fft.rfft(x)
    noise = torch.randn(x.shape, generator=seeded(0)) * x.std(-1, keepdim=True) / 10
    return {
        "silence": torch.zeros_like(x),
        "half as loud": x / 2,
        "with noise 20 dB below": x + noise,
        "without what is over 2 kHz": torch.fft.irfft(spectrum * ~_is_high(x), x.shape[-1]),
    }


def _is_high(x: Tensor) -> Tensor:
    return torch.fft.rfftfreq(x.shape[-1], 1 / RATE) > HIGH_HZ


def _convergence(x: Tensor, again: Tensor) -> tuple[float, float]:
    """Return the mean over excerpts, and its standard error."""
    each = [
        spectral_convergence_db(one[None], other[None]) for one, other in zip(x, again, strict=True)
    ]
    return statistics.fmean(each), statistics.stdev(each) / math.sqrt(len(each))


def _high_db(x: Tensor, again: Tensor) -> float:
    """Return the energy above 2 kHz, in decibels of that of `x`."""
    was, now = (
        float(torch.fft.rfft(one)[..., _is_high(x)].abs().square().sum()) for one in (x, again)
    )
    return 10 * math.log10(max(now, 1e-9 * was) / was)


def _examine(corpus: Corpus, name: str, steps: int, x: Tensor) -> Found:
    """Train an autoencoder and look at it."""
    tables = registry.preset("jukebox", "tiny") | {
        "model": BASE | VARIANTS[name],
        "data": {"crop": 4096, "batch": 4, "rate": RATE},
        "training": {"steps": steps, "average": 0.99, "seed": int("seed" in name)},
        "codes1": {"learning_rate": 2.0e-3, "warmup": 20},
    }
    del tables["codes2"], tables["upsampler1"]
    job = describe("jukebox", "tiny", tables, corpus)
    if name == OPEN:
        job.model.autoencoders[0].bottleneck = Open()
    settings, alone = job.settings, Processes(torch.device("cpu"))
    learner = Learner(job.model, job.phases[:1], settings.training, settings.phases, alone)
    crops, early, seconds = job.crops("train", 0, seed=settings.training.seed), [], 0.0
    with own_randomness(alone.device):
        for step in range(steps):
            began = time.process_time()
            learner.step(crops.batch, step / steps)
            seconds += time.process_time() - began
            if step + 1 in EARLY:
                early.append(_entropy(_again(learner.model.coders[0], x)[1]))
    again, codes = _again(learner.average.model.coders[0], x)
    perplexity = math.nan if name == OPEN else 2 ** _entropy(codes)
    figures = *_convergence(x, again), _high_db(x, again), perplexity
    return Found(*figures, tuple(early), seconds / steps)


@torch.no_grad()
def _again(coder: Autoencoder, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return excerpts as their codes keep them, and the codes."""
    was, parts = coder.training, []
    coder.eval()
    for part in x.split(4):
        coded = coder.bottleneck(coder.encoder(part))
        parts.append((coder.decoder(coded.vectors), coded.codes))
    coder.train(was)
    audio, codes = (torch.cat(one) for one in zip(*parts, strict=True))
    return audio, codes


def _entropy(codes: Tensor) -> float:
    """Return the entropy of how often codes are used, in bits."""
    shares = torch.bincount(codes.flatten()).double() / codes.numel()
    return float(-(shares[shares > 0] * shares[shares > 0].log2()).sum())


if __name__ == "__main__":
    sys.exit(main())
