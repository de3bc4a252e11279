"""The typicality monitor on a run: false alarms on real recordings, and traps with it and without.

    python benchmarks/monitor.py RUN [--minutes 60] [--out FOLDER]

The monitor is the one that lies beside the run's weights, or is calibrated on the recordings held
out for validation; those held out for testing, which it has not heard, tell the false alarms.
Streams go on from the beginnings of recordings held out for testing (`--prompt`), several side by
side where nothing intervenes. A stream is in a trap while a gauge of its sound (level, silence,
flatness, spectrum, loop) is beyond its limit: this can be measured of what is heard, whether or
not a monitor intervened. It writes `monitor.json`, `results.json` and `stream.png` to FOLDER.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from typica.cli._bars import Bars
from typica.core.engine import Engine
from typica.core.randomness import seeded
from typica.core.run import Run, load
from typica.data.corpus import Corpus
from typica.data.of_run import corpus_of
from typica.engines.compiler import compile as compile_engine
from typica.streaming.block import Block
from typica.streaming.monitoring import find_monitor
from typica.streaming.performance import Performance
from typica.typicality.monitor.ear import Ear
from typica.typicality.monitor.hearing import Heard, as_mono, hear_all, hear_draws, steps_of
from typica.typicality.monitor.monitor import Monitor

TEMPERATURES = (0.0, 0.3, 0.5, 0.8, 1.0, 1.2)
OF_SOUND = ("level", "silence", "flatness", "spectrum", "loop")
EPISODE_S = 16.0  # alarms that are nearer to one another are one
SPEED_S = 20.0
TARGET_RATE, MOST_TIME = 40_000, 0.05


class Row(NamedTuple):
    """What was found of some hours of sound.

    Attributes:
        what: Which sound.
        hours: How much of it.
        alarms: Alarms an hour: those that are 16 s apart.
        trapped: Share of the time in a trap.
        silent: Share of the time in silence.
        first_s: Median time to the first alarm of a stream; infinite where most have none.
        martingale: Share of the streams at which the martingale raised an alarm.
        martingale_s: Median time to it.
        by: Alarms of each statistic, an hour.
    """

    what: str
    hours: float
    alarms: float
    trapped: float
    silent: float
    first_s: float
    martingale: float
    martingale_s: float
    by: dict[str, float]


def main() -> None:
    """Print one table, and write the figures."""
    options = parse()
    torch.set_num_threads(1)
    run = load(options.run, "cpu")
    engine = compile_engine(run.model, threads=1)
    corpus, bars = corpus_of(run), Bars()
    monitor = monitor_of(run, engine, corpus, options, bars)
    prompt = prompts(corpus, options.streams, options.prompt)
    test = sounds(corpus, "test", options.held_out)
    rows = [judge("held-out recordings", monitor, hear_all(engine, test, monitor.grid, bars))]
    each_s = 60 * options.minutes / options.streams
    for temperature in TEMPERATURES:
        drawn = hear_draws(
            engine,
            options.streams,
            each_s if temperature == 1 else min(each_s, options.others),
            monitor.grid,
            temperature=temperature,
            generator=seeded(options.seed),
            prompt=prompt,
            progress=bars,
        )
        name = "greedy" if temperature == 0 else f"temperature {temperature:g}"
        rows.append(judge(name, monitor, drawn))
    watched, blocks, report = play(engine, monitor, prompt[:1], options)
    rows.append(judge("temperature 1, monitored", monitor, [watched]))
    costs = speeds(engine, monitor, prompt[:1])
    show(rows, report, costs, monitor)
    write(options, run, engine, monitor, rows, report, costs)
    draw(blocks, monitor, options.out / "stream.png")
    raise SystemExit(int(TARGET_RATE / costs["watch"] > MOST_TIME))


def parse() -> argparse.Namespace:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", nargs="?", default="demo", help="A run or a checkpoint.")
    parser.add_argument("--minutes", type=float, default=60, help="Of sound, each at temperature 1")
    parser.add_argument("--others", type=float, default=60, help="Seconds a stream, else.")
    parser.add_argument("--streams", type=int, default=8, help="Side by side.")
    parser.add_argument("--prompt", type=float, default=2.0, help="Seconds to go on from.")
    parser.add_argument("--held-out", type=float, default=math.inf, help="Seconds of a split.")
    parser.add_argument("--alarms", type=float, default=1.0, help="False alarms an hour.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("monitor-results"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    return options


def monitor_of(
    run: Run, engine: Engine, corpus: Corpus, options: argparse.Namespace, bars: Bars
) -> Monitor:
    """Return the run's monitor, or calibrate one, which is kept with the results."""
    found = find_monitor(run, bars)
    if found is None:
        recordings = sounds(corpus, "valid", options.held_out)
        found = Monitor.fit(
            engine, recordings, rate=run.rate, alarms_per_hour=options.alarms, progress=bars
        )
        found = found.noting(split="valid", corpus=corpus.name)
    found.save(options.out / "monitor.json")
    return found


def sounds(corpus: Corpus, split: str, seconds: float) -> list[torch.Tensor]:
    """Return whole recordings of a split, up to so many seconds."""
    found, length = [], 0
    for one in corpus.recordings(split):
        if length < seconds * corpus.rate:
            found.append(corpus.audio(one))
            length += one.length
    return found


def prompts(corpus: Corpus, count: int, seconds: float) -> torch.Tensor:
    """Return the beginnings of test recordings, (count, 1, time)."""
    recordings = corpus.recordings("test")
    length = round(seconds * corpus.rate)
    chosen = [recordings[number % len(recordings)] for number in range(count)]
    return torch.stack([corpus.audio(one, length, 2 * length) for one in chosen])


def judge(what: str, monitor: Monitor, heard: Sequence[Heard]) -> Row:
    """Count alarms in streams that were heard; of recordings the martingale tells nothing."""
    statistics = np.array([gauge.statistic for gauge in monitor.gauges])
    strains = [monitor.strains(one) for one in heard]
    tick_s, hours = monitor.grid.tick_s, sum(map(len, strains)) * monitor.grid.tick_s / 3600
    real = what == "held-out recordings"
    heeded = statistics != "martingale" if real else np.ones(len(statistics), bool)
    beyond = [np.nan_to_num(one) > 1 for one in strains]
    first = [when(one[:, heeded].any(1), tick_s) for one in beyond]
    of_martingale = [when(one[:, statistics == "martingale"].any(1), tick_s) for one in beyond]
    ticks = sum(map(len, beyond))
    trapped = sum(int(one[:, np.isin(statistics, OF_SOUND)].any(1).sum()) for one in beyond)
    silent = sum(int(one[:, statistics == "silence"].sum()) for one in beyond)
    by = {
        str(name): sum(episodes(one[:, statistics == name].any(1), tick_s) for one in beyond)
        / hours
        for name in dict.fromkeys(statistics)
    }
    return Row(
        what,
        hours,
        sum(episodes(one[:, heeded].any(1), tick_s) for one in beyond) / hours,
        trapped / ticks,
        silent / ticks,
        float(np.median(first)),
        float(np.mean(np.isfinite(of_martingale))),
        float(np.median(of_martingale)),
        by,
    )


def when(alarmed: np.ndarray, tick_s: float) -> float:
    """Return the seconds to the first alarm, or infinity."""
    return float((np.argmax(alarmed) + 1) * tick_s) if alarmed.any() else math.inf


def episodes(alarmed: np.ndarray, tick_s: float) -> int:
    """Count alarms, those near one another as one."""
    places = np.flatnonzero(alarmed)
    return int(len(places) > 0) + int((np.diff(places) * tick_s > EPISODE_S).sum())


def play(
    engine: Engine, monitor: Monitor, prompt: torch.Tensor, options: argparse.Namespace
) -> tuple[Heard, list[Block], dict[str, Any]]:
    """Let the monitor lead a stream; return what was heard of it, its blocks and its report."""
    grid, ear = monitor.grid, Ear.fresh(monitor.grid)
    count = round(options.minutes * 60 / grid.tick_s)
    heard, kept = [], []
    with Performance(
        engine,
        rate=monitor.rate,
        monitor=monitor,
        generator=seeded(options.seed),
        prompt=prompt,
        block=grid.tick,
    ) as performance:
        for block in islice(performance, count):
            frames, ear = ear.hear(block.audio)
            heard.append(frames)
            kept.append(block._replace(audio=block.audio[:0]))
        report = performance.report()
    columns = (np.concatenate(column) for column in zip(*heard, strict=True))
    # Of what was joined the model's own figures are not known: none of them is beyond a limit.
    usual = next(one.usual for name, one in monitor.limits.items() if name.startswith("entropy"))
    totals = np.tile([0.0, 1.0, usual * grid.tick], (count, 1))
    return Heard(totals, type(heard[0])(*columns)), kept, report


def speeds(engine: Engine, monitor: Monitor, prompt: torch.Tensor) -> dict[str, float]:
    """Return samples a second of the engine by itself and of a watch, in seconds of processor."""
    state, drawn, began = engine.start(1, prompt=prompt), [], time.process_time()
    generator, tick = seeded(0), monitor.grid.tick
    for _ in range(round(SPEED_S / monitor.grid.tick_s)):
        draws = engine.draw(state, tick, generator=generator, spread=True)
        state = draws.state
        drawn.append((as_mono(engine.model.render(draws.symbols)), steps_of(draws)))
    drawing, watch, began = time.process_time() - began, monitor.begin(), time.process_time()
    for audio, steps in drawn:
        watch.read(audio, *steps)
    watching, samples = time.process_time() - began, tick * len(drawn)
    return {"engine": samples / drawing, "watch": samples / watching}


def show(
    rows: list[Row], report: dict[str, Any], costs: dict[str, float], monitor: Monitor
) -> None:
    """Print the table."""
    told = monitor.calibration
    asked = told["alarms_per_hour"]
    print(f"calibrated on {60 * told['hours']:.1f} min of held-out recordings, {asked:g} an hour")
    print(
        f"{'':26}{'min':>7}{'alarms/h':>10}{'trapped':>9}{'silent':>8}{'first':>9}{'martingale':>17}"
    )
    for row in rows:
        real = row.what == "held-out recordings"
        martingale = f"{row.martingale:.0%} at {row.martingale_s:.1f} s"
        if real or row.what.endswith("monitored"):
            martingale = "-"
        print(
            f"{row.what:26}{60 * row.hours:7.1f}{row.alarms:10.1f}{row.trapped:9.1%}"
            f"{row.silent:8.1%}{row.first_s:8.1f}s{martingale:>17}"
        )
        print("    " + ", ".join(f"{name} {rate:.1f}" for name, rate in row.by.items() if rate))
    low, high = poisson(rows[0].alarms * rows[0].hours)
    hours = rows[0].hours
    print(f"false alarms on recordings: {low / hours:.2f} to {high / hours:.2f} an hour (95 %)")
    print(f"interventions: {report['interventions']} in {report['seconds'] / 60:.1f} min")
    share, target = costs["engine"] / costs["watch"], TARGET_RATE / costs["watch"]
    print(
        f"the engine draws {costs['engine']:,.0f} samples/s; watching takes {share:.1%} of its "
        f"time, {target:.1%} of that of an engine of {TARGET_RATE:,} (limit {MOST_TIME:.0%})"
    )


def poisson(count: float) -> tuple[float, float]:
    """Return the exact 95 % interval of the mean of a Poisson count."""
    from scipy.stats import chi2

    low = chi2.ppf(0.025, 2 * round(count)) / 2 if round(count) else 0.0
    return float(low), float(chi2.ppf(0.975, 2 * round(count) + 2) / 2)


def write(
    options: argparse.Namespace,
    run: Run,
    engine: Engine,
    monitor: Monitor,
    rows: list[Row],
    report: dict[str, Any],
    costs: dict[str, float],
) -> None:
    """Write the figures with date and command."""
    plain = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join(["python", *sys.argv]),
        "run": str(run.path),
        "engine": engine.name,
        "rows": [row._asdict() for row in rows],
        "report": report,
        "samples_per_second": costs,
        "calibration": dict(monitor.calibration),
    }
    (options.out / "results.json").write_text(json.dumps(plain, indent=2, default=str) + "\n")


def draw(blocks: list[Block], monitor: Monitor, path: Path, seconds: float = 180.0) -> None:
    """Draw the gauges of the first minutes of a monitored stream, with limits and interventions."""
    from typica.lab.drawing import BLUE, GREY, ORANGE, canvas

    shown = [block for block in blocks if block.at < seconds * monitor.rate]
    names = [g.name for g in monitor.gauges if any(g.name in block.reading for block in shown)]
    figure, axes = canvas(len(names), 1, width=9, height=1.0 * len(names) + 0.6)
    times = np.array([block.at for block in shown]) / monitor.rate
    at = [int(event["at"]) / monitor.rate for block in shown for event in block.events]  # type: ignore[call-overload]
    for axis, name in zip(axes[:, 0], names, strict=True):
        values = np.array([block.reading.get(name, np.nan) for block in shown])
        axis.plot(times, values, color=BLUE, linewidth=0.9)
        limit = monitor.limits[name]
        for end in (limit.low, limit.high):
            if end is not None:
                axis.axhline(end, color=ORANGE, linewidth=0.8, linestyle="--")
        axis.axhline(limit.usual, color=GREY, linewidth=0.6)
        finite = [v for v in (np.nanmin(values), np.nanmax(values), limit.usual) if np.isfinite(v)]
        near = [e for e in (limit.low, limit.high) if e is not None and abs(e) < 200]
        low, high = min(finite + near), max(finite + near)
        axis.set_ylim(low - 0.08 * (high - low) - 1e-9, high + 0.08 * (high - low) + 1e-9)
        for place in at:
            axis.axvline(place, color=ORANGE, linewidth=0.5, alpha=0.7)
        axis.set_title(name, fontsize=8)
        axis.tick_params(labelsize=7)
        axis.set_xlim(0, times[-1])
    axes[-1, 0].set_xlabel("seconds of the stream; upright lines: the monitor went back")
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
