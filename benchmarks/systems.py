"""Every system of sound in one table: equal training time, the same recordings, one command.

    python benchmarks/systems.py --corpus chorales --minutes 8 --out tables/
    python benchmarks/systems.py --corpus ~/recordings --systems wavenet,vqvae:amae --do train

Each system is trained with its preset `small` (or the one behind the colon) at 8 kHz for as long as
the others, one thread, priced on held-out recordings, and let to play an hour in all by itself,
from a second of held-out recordings on, with the monitor watching. Beside them stand the unigram,
first-order Markov, linear prediction and FLAC, under the same base measure. What was done before is
not done again: the folder keeps runs and figures, and the table is of all that it holds.

bits: bits a sample, with the standard error over recordings; "<=" marks a bound. under Markov: how
many bits less than a first-order Markov chain, on the same stretches. learnt: thousands of samples
that a second of training reads. times real time: a stream by itself, at 8 kHz. trapped: share of
the time in which the monitor finds a free-running stream in a trap; per hour: how often it falls
into one. structure: mean distance of the self-similarity of harmony at lags of 1 to 4 s from that
of recordings (0 is the same), with a standard error from streams; recordings against one another
are the last row.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor

from engines import tell_machine
from typica.actions.load import LoadedRun, load
from typica.actions.prepare_data import prepare_data
from typica.actions.train import train
from typica.core import registry
from typica.core.cascade import Cascade
from typica.core.drawable import is_drawable
from typica.core.engine import Engine
from typica.core.framed import FramedModel
from typica.core.model import Model, StreamingModel
from typica.core.progress import Progress
from typica.core.randomness import seeded
from typica.data.corpus import Corpus
from typica.data.of_run import held_out
from typica.data.sound import write_audio
from typica.data.stretch import Stretch
from typica.engines.compiler import compile
from typica.evaluation.counting import Markov, count_pairs
from typica.evaluation.free_running import play
from typica.evaluation.pricing import measure_likelihood
from typica.evaluation.stretches import choose, excerpts, held_out_split
from typica.evaluation.structure import self_similarity
from typica.streaming.monitoring import monitor_for

RATE = 8000
PRICED_S = 120.0  # held-out sound that is priced
LEARNT_S = 600.0  # of the recordings that a chain of codes is fitted to
PROMPT_S = 1.024  # of recordings that streams go on from: whole codes of every cascade
EXCERPT_S = 8.0  # of the recordings that spectra are compared with
HEARD_S = 30.0  # of each stream, kept to be heard
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


class Entry(NamedTuple):
    """A system on a corpus, and where what is found about it is kept."""

    system: str
    preset: str
    corpus: Corpus
    figures: Path

    @property
    def name(self) -> str:
        """What its run and its figures are called."""
        own = self.system if self.preset == "small" else f"{self.system}.{self.preset}"
        return f"{own}-{self.corpus.name}"

    @property
    def folder(self) -> Path:
        """Where its run lies."""
        return Path(os.environ["TYPICA_RUNS"]) / self.name

    def kept(self, what: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return figures that were kept, or make them and keep them."""
        path = self.figures / f"{self.name}.{what}.json"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(make(), indent=2))
        return json.loads(path.read_text())


def trained(entry: Entry, minutes: float) -> LoadedRun:
    """Return the run of a system, trained unless it was."""
    if not (entry.folder / "weights.safetensors").exists():
        settings = [f"data.rate={RATE}", "training.validate_every=0", "training.sample_every=0"]
        settings += SETTINGS.get(entry.system, [])
        train(
            entry.system,
            entry.corpus.path,
            entry.preset,
            settings,
            name=entry.name,
            minutes=minutes,
            resume=(entry.folder / "config.yaml").exists(),
            progress=Words(),
        )
    return load(entry.folder)


def learnt(entry: Entry, minutes: float) -> dict[str, Any]:
    """Return how a system was trained."""
    run = trained(entry, minutes)
    log = (entry.folder / "log/metrics.jsonl").read_text().splitlines()
    lines = [one for line in log if "examples_per_s" in (one := json.loads(line))]
    model = run.model
    return {
        "system": entry.name.removesuffix(f"-{entry.corpus.name}"),
        "minutes": run.config["training"]["minutes"],
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "reach": reach(model),
        "steps": lines[-1]["step"],
        "samples_per_s": float(np.mean([_samples(run, line) for line in lines])),
    }


def reach(model: Model) -> str:
    """Return how much of the past a prediction depends on, in words."""
    if not isinstance(model, StreamingModel):
        return "-"
    found = model.receptive_fields
    return "all" if None in found else f"{max(cast(list[int], found)) / RATE:.2f} s"


def _samples(run: LoadedRun, line: dict[str, float]) -> float:
    """Return the samples a second that a line of the log tells of."""
    phase = next(name.split("/")[0] for name in line if "/" in name)
    crop = run.config[phase]["crop"] or run.config["data"]["crop"]
    return line["examples_per_s"] * crop


def priced(model: Model, corpus: Corpus) -> dict[str, Any]:
    """Return bits a sample of the model and of the baselines."""
    stretches = choose(corpus, held_out_split(corpus), PRICED_S)
    found = measure_likelihood(model, corpus, stretches)
    if found.model is None:
        return priced_codes(model, corpus) if isinstance(model, FramedModel) else {}
    told: dict[str, Any] = {"bits": found.model.mean, "measure": found.model.measure}
    told["density"] = found.density
    told["baselines"] = {one.name: one.mean for one in found.baselines}
    told["baselines"] |= {f"{one.name} ({one.measure})": one.mean for one in found.apart}
    told["under"] = dict(found.advantages())
    return told


@torch.no_grad()
def priced_codes(model: FramedModel, corpus: Corpus) -> dict[str, Any]:
    """Return the bits a code of each level, highest first, and of a Markov chain on them."""
    tokens = model.tokens
    held = [_codes(tokens, corpus, one) for one in choose(corpus, held_out_split(corpus), PRICED_S)]
    seen = [_codes(tokens, corpus, one) for one in choose(corpus, "train", LEARNT_S)]
    levels = []
    for number, level in enumerate(tokens.levels):
        nats = sum(_nats(tokens, number, codes) for codes in held)
        count = 1 << cast(Any, level.config).bits
        chain = Markov(np.sum([count_pairs(one[number].numpy()[0], count) for one in seen], 0))
        theirs = sum(chain.bits(one[number].numpy()[0], 1) for one in held)
        total = sum(one[number].shape[1] for one in held)
        levels.append({"model": nats / np.log(2) / total, "markov": theirs / (total - len(held))})
    return {"codes": levels}


def _codes(tokens: Cascade, corpus: Corpus, stretch: Stretch) -> list[Tensor]:
    """Return the codes of all levels, highest first, each (1, length)."""
    length = stretch.length - stretch.length % tokens.hop
    audio = corpus.audio(stretch.recording, stretch.start, stretch.start + length)
    return tokens.read(audio[None])


def _nats(tokens: Cascade, number: int, codes: list[Tensor]) -> float:
    told = tokens.tell(number, codes[number - 1]) if number else None
    return -float(tokens.levels[number].log_prob(codes[number][:, None], told))


def played(run: LoadedRun, corpus: Corpus, hours: float, streams: int) -> dict[str, Any]:
    """Let a model play, watched; return how it fared and how its harmony hangs together."""
    engine = compile(run.model)
    torch.set_num_threads(1)
    speed = times_real_time(engine)
    monitor = monitor_for(run, engine, progress=Words())
    split = held_out_split(corpus)
    real = [corpus.audio(*one) for one in excerpts(corpus, split, 4, round(EXCERPT_S * RATE))]
    starts = excerpts(corpus, split, streams, round(PROMPT_S * RATE))
    began, seconds = time.process_time(), max(LEAST_S, 3600 * hours / streams)
    found = play(
        engine,
        monitor,
        real,
        count=streams,
        seconds=seconds,
        prompt=torch.stack([corpus.audio(*one) for one in starts]),
        generator=seeded(1),
        progress=Words(),
    )
    told = {
        "real_time": speed,
        "watched": found.run.seconds * streams / (time.process_time() - began),
        "engine": engine.name,
        "seconds": found.run.seconds,
        "streams": streams,
        "trapped": found.run.trapped,
        "per_hour": found.run.alarms_per_hour,
        "kinds": found.run.traps,
        "level_db": found.run.mean("level_db"),
        "distance_db": found.run.mean("distance_db"),
    }
    keep_sound(run, found.audio)
    return told | structure(list(found.audio), corpus)


def times_real_time(engine: Engine) -> float:
    """Return how fast one stream is drawn."""
    state = engine.draw(engine.start(1), 256, generator=seeded(0)).state
    began = time.process_time()
    engine.draw(state, round(SPEED_S * RATE), generator=seeded(0))
    return SPEED_S / (time.process_time() - began)


def keep_sound(run: LoadedRun, audio: Tensor) -> None:
    """Keep the end of each stream beside the run, to be heard."""
    for number, one in enumerate(audio, 1):
        path = run.path / "streams" / f"{number}.wav"
        path.parent.mkdir(exist_ok=True)
        write_audio(path, one[:, -round(HEARD_S * RATE) :], RATE)


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


def measure(entry: Entry, options: argparse.Namespace) -> dict[str, Any]:
    """Return all figures of a system on a corpus."""
    told = entry.kept("training", lambda: learnt(entry, options.minutes))
    if options.do == "train":
        return told
    run = load(entry.folder)
    told |= entry.kept("bits", lambda: priced(run.model, entry.corpus))
    if options.do == "price" or not is_drawable(run.model):
        return told
    return told | entry.kept(
        "streams", lambda: played(run, entry.corpus, options.hours, options.streams)
    )


def row(told: dict[str, Any]) -> str:
    """Return a row of the table."""
    bits, under = told.get("bits"), told.get("under", {}).get(MARKOV)
    sign = "" if told.get("density") == "exact" else "<= "
    cells = [
        told["system"],
        f"{sign}{bits[0]:.3f} ± {bits[1] or 0:.3f}" if bits else "none",
        f"{under[0]:+.2f} ± {under[1] or 0:.2f}" if under else "-",
        f"{told['parameters']:,}",
        told["reach"],
        f"{told['steps']:,}",
        f"{told['samples_per_s'] / 1000:.1f} k",
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
        "| system | bits | under Markov | parameters | reach | steps | learnt | times real time "
        "| trapped | per hour | structure |\n|" + "---|" * 11
    )
    for told in sorted(figures, key=lambda one: (one.get("bits") or [99])[0]):
        print(row(told))
    first = next(one for one in figures if one.get("baselines"))
    for name, (value, error) in first["baselines"].items():
        print(f"| {name} | {value:.3f} ± {error or 0:.3f} |" + " |" * 9)
    for one in figures:
        for number, level in enumerate(one.get("codes", [])):
            told = "{model:.3f} bits a code, a Markov chain on them {markov:.3f}".format(**level)
            print(f"| {one['system']}, level {number + 1} | {told} |" + " |" * 9)
    half = [corpus.audio(*one) for one in held_out(corpus, 600)]
    apart = [self_similarity([one], corpus.rate) for one in half]
    rest = [self_similarity(half[:n] + half[n + 1 :], corpus.rate) for n in range(len(half))]
    each = [one.distance(other) for one, other in zip(apart, rest, strict=True)]
    error = np.std(each, ddof=1) / len(each) ** 0.5
    print("| recordings |" + " |" * 9 + f" {np.mean(each):.3f} ± {error:.3f} |")


def main() -> None:
    """Train what is not trained, measure what is not measured, print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--corpus", action="append", help="a corpus by name, or a folder of sound")
    parser.add_argument("--systems", default=",".join(sounding()), help="each NAME or NAME:PRESET")
    parser.add_argument("--minutes", type=float, default=8.0, help="of training, each")
    parser.add_argument("--hours", type=float, default=1.0, help="of sound from each, in all")
    parser.add_argument("--streams", type=int, default=8, help="that these are spread over")
    parser.add_argument("--do", choices=("train", "price", "all"), default="all", help="how far")
    parser.add_argument("--out", type=Path, default=Path("tables"))
    options = parser.parse_args()
    out = options.out.absolute()
    os.environ |= {"TYPICA_DATA": str(out / "data"), "TYPICA_RUNS": str(out / "runs")}
    torch.set_num_threads(1)
    tell_machine()
    for what in options.corpus or ["chorales"]:
        corpus = prepare_data(what, rate=RATE, progress=Words())
        figures = []
        for one in options.systems.split(","):
            print(f"{one} on {corpus.name}", file=sys.stderr, flush=True)
            system, _, preset = one.partition(":")
            entry = Entry(system, preset or "small", corpus, out / "figures")
            figures.append(measure(entry, options))
        if options.do != "train":
            tell(corpus, figures)


if __name__ == "__main__":
    main()
