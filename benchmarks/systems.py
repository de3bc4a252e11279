"""Every system of sound in one table: equal training time, the same recordings, one command.

    python benchmarks/systems.py --corpus chorales --minutes 8 --out tables/
    python benchmarks/systems.py --corpus ~/recordings --systems wavenet,hierarchical_wavenet

Each system is trained with its preset `small` at 8 kHz for as long as the others, one thread,
priced on held-out recordings, and let to play by itself with the monitor watching. Beside them
stand the unigram, first-order Markov, linear prediction and FLAC, under the same base measure. What
was done before is not done again: the folder keeps runs and figures, and the table is of all that
it holds.

bits: bits a sample, with the standard error over recordings; "<=" marks a bound. under Markov: how
many bits less than a first-order Markov chain, on the same stretches. trapped: share of the time in
which the monitor finds a free-running stream in a trap; per hour: how often it falls into one.
structure: mean distance of the self-similarity of harmony at lags of 1 to 4 s from that of
recordings (0 is the same), with a standard error from streams; recordings against one another are
the last row.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engines import tell_machine
from typica.actions.load import LoadedRun, load
from typica.actions.prepare_data import prepare_data
from typica.actions.train import train
from typica.core import registry
from typica.core.drawable import is_drawable
from typica.core.model import Model
from typica.core.progress import Progress
from typica.core.randomness import seeded
from typica.data.corpus import Corpus
from typica.data.of_run import held_out
from typica.engines.compiler import compile
from typica.evaluation.free_running import play
from typica.evaluation.pricing import measure_likelihood
from typica.evaluation.stretches import choose, excerpts, held_out_split
from typica.evaluation.structure import self_similarity
from typica.streaming.monitoring import monitor_for

RATE = 8000
PRICED_S = 120.0  # held-out sound that is priced
STREAMS = 4
LEAST_S = 8.0  # of a stream: twice the longest lag of the structure
SPEED_S = 0.5  # of sound, by which the speed of drawing is measured
MARKOV = "first-order Markov"
# Bits compare only under one base measure: this one's usual is 16-bit PCM.
SETTINGS = {"bit_depth": ["model.quantiser=mulaw", "model.bits=8", "model.first_bits=4"]}


class Words(Progress):
    """Tells sentences, without bars."""

    def say(self, sentence: str) -> None:
        """Tell a sentence."""
        print(f"  {sentence}", file=sys.stderr, flush=True)


def sounding() -> list[str]:
    """List the systems of sound that have a preset for these machines."""
    return [
        name
        for name in registry.names()
        if registry.find(name).example == "audio" and "small" in registry.presets(name)
    ]


def trained(system: str, corpus: Corpus, minutes: float) -> tuple[LoadedRun, dict[str, float]]:
    """Train a system unless it was; return the run and how fast it learnt."""
    name = f"{system}-{corpus.name}"
    folder = Path(os.environ["TYPICA_RUNS"]) / name
    if not (folder / "weights.safetensors").exists():
        settings = [f"data.rate={RATE}", "training.validate_every=0", "training.sample_every=0"]
        settings += SETTINGS.get(system, [])
        train(
            system,
            corpus.path,
            "small",
            settings,
            name=name,
            minutes=minutes,
            resume=(folder / "config.yaml").exists(),
            progress=Words(),
        )
    lines = [json.loads(line) for line in (folder / "log/metrics.jsonl").read_text().splitlines()]
    paces = [line["examples_per_s"] for line in lines if "examples_per_s" in line]
    return load(folder), {"steps": lines[-1]["step"], "examples_per_s": float(np.median(paces))}


def priced(model: Model, corpus: Corpus) -> dict[str, Any]:
    """Return bits a sample of the model and of the baselines."""
    stretches = choose(corpus, held_out_split(corpus), PRICED_S)
    found = measure_likelihood(model, corpus, stretches)
    if found.model is None:
        return {}
    told: dict[str, Any] = {"bits": found.model.mean, "measure": found.model.measure}
    told["density"] = found.density
    told["baselines"] = {one.name: one.mean for one in [*found.baselines, *found.apart]}
    told["under"] = dict(found.advantages())
    return told


def played(run: LoadedRun, corpus: Corpus, seconds: float) -> dict[str, Any]:
    """Let a model play, watched; return how it fared and how its harmony hangs together."""
    engine = compile(run.model)
    torch.set_num_threads(1)
    state = engine.draw(engine.start(1), 256, generator=seeded(0)).state
    began = time.process_time()
    engine.draw(state, round(SPEED_S * RATE), generator=seeded(0))
    speed = SPEED_S / (time.process_time() - began)
    monitor = monitor_for(run, engine, progress=Words())
    split = held_out_split(corpus)
    real = [corpus.audio(*one) for one in excerpts(corpus, split, STREAMS, round(LEAST_S * RATE))]
    found = play(
        engine, monitor, real, count=STREAMS, seconds=seconds, generator=seeded(1), progress=Words()
    )
    told = {
        "real_time": speed,
        "engine": engine.name,
        "trapped": found.run.trapped,
        "per_hour": found.run.alarms_per_hour,
        "kinds": found.run.traps,
        "distance_db": found.run.mean("distance_db"),
    }
    return told | structure(list(found.audio), corpus)


def structure(streams: list[Tensor], corpus: Corpus) -> dict[str, Any]:
    """Return how far the self-similarity of streams lies from that of recordings."""
    whole = [corpus.audio(*one) for one in held_out(corpus, 600)]
    real = self_similarity(whole, corpus.rate)
    each = []
    for audio in streams:
        try:
            each.append(self_similarity([audio], corpus.rate).distance(real))
        except ValueError:  # it fell silent
            each.append(float(np.abs(real.values).mean()))
    return {"structure": [float(np.mean(each)), float(np.std(each, ddof=1) / len(each) ** 0.5)]}


def kept(path: Path, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what a file holds, or make it and keep it."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(make(), indent=2))
    return json.loads(path.read_text())


def measure(system: str, corpus: Corpus, minutes: float, seconds: float) -> dict[str, Any]:
    """Return all figures of a system on a corpus."""
    run, pace = trained(system, corpus, minutes)
    model = run.model
    reach = getattr(model, "receptive_fields", None) or getattr(model, "receptive_field", None)
    told: dict[str, Any] = {
        "system": system,
        "minutes": minutes,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "reach_s": max(reach) / RATE if isinstance(reach, list) else (reach or 0) / RATE or None,
    }
    told |= pace | priced(model, corpus)
    return told | (played(run, corpus, seconds) if is_drawable(model) else {})


def row(told: dict[str, Any]) -> str:
    """Return a row of the table."""
    bits, under = told.get("bits"), told.get("under", {}).get(MARKOV)
    sign = "" if told.get("density") == "exact" else "<= "
    cells = [
        told["system"],
        f"{sign}{bits[0]:.3f} ± {bits[1] or 0:.3f}" if bits else "none",
        f"{under[0]:+.2f} ± {under[1] or 0:.2f}" if under else "-",
        f"{told['parameters']:,}",
        f"{told['reach_s']:.2f} s" if told["reach_s"] else "all",
        f"{told['steps']:,}",
        *_played(told),
    ]
    return "| " + " | ".join(cells) + " |"


def _played(told: dict[str, Any]) -> list[str]:
    """Return the cells of what plays; an autoencoder by itself does not."""
    if "real_time" not in told:
        return ["-"] * 4
    return [
        f"{told['real_time']:.2f}",
        f"{100 * told['trapped']:.0f} %",
        f"{told['per_hour']:.0f}",
        "{:.3f} ± {:.3f}".format(*told["structure"]),
    ]


def tell(corpus: Corpus, figures: list[dict[str, Any]]) -> None:
    """Print the table of a corpus."""
    print(
        f"\n{corpus.name}, {corpus.seconds('train') / 60:.0f} min of training recordings, 8 kHz\n"
    )
    print(
        "| system | bits | under Markov | parameters | reach | steps | times real time | trapped "
        "| per hour | structure |\n|" + "---|" * 10
    )
    for told in sorted(figures, key=lambda one: (one.get("bits") or [99])[0]):
        print(row(told))
    first = next(one for one in figures if one.get("baselines"))
    for name, (value, error) in first["baselines"].items():
        print(f"| {name} | {value:.3f} ± {error or 0:.3f} |" + " |" * 8)
    half = [corpus.audio(*one) for one in held_out(corpus, 600)]
    apart = [self_similarity([one], corpus.rate) for one in half]
    rest = [self_similarity(half[:n] + half[n + 1 :], corpus.rate) for n in range(len(half))]
    each = [one.distance(other) for one, other in zip(apart, rest, strict=True)]
    error = np.std(each, ddof=1) / len(each) ** 0.5
    print("| recordings |" + " |" * 8 + f" {np.mean(each):.3f} ± {error:.3f} |")


def main() -> None:
    """Train what is not trained, measure what is not measured, print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--corpus", action="append", help="a corpus by name, or a folder of sound")
    parser.add_argument("--systems", default=",".join(sounding()))
    parser.add_argument("--minutes", type=float, default=8.0, help="of training, each")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each of four streams")
    parser.add_argument("--out", type=Path, default=Path("tables"))
    options = parser.parse_args()
    out = options.out.absolute()
    os.environ |= {"TYPICA_DATA": str(out / "data"), "TYPICA_RUNS": str(out / "runs")}
    torch.set_num_threads(1)
    tell_machine()
    for what in options.corpus or ["chorales"]:
        corpus = prepare_data(what, rate=RATE, progress=Words())
        figures = []
        for system in options.systems.split(","):
            print(f"{system} on {corpus.name}", file=sys.stderr, flush=True)
            path = out / "figures" / f"{system}-{corpus.name}.json"
            seconds = max(LEAST_S, options.seconds)
            told = kept(
                path, lambda s=system, c=corpus, n=seconds: measure(s, c, options.minutes, n)
            )
            figures.append(told)
        tell(corpus, figures)


if __name__ == "__main__":
    main()
