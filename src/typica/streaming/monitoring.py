"""The monitor of a run: read where it lies, or calibrated on what was held out of its corpus."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from typica.core.condition import to_device
from typica.core.engine import Engine
from typica.core.errors import DataError, RunError
from typica.core.files import DiskError, digest
from typica.core.progress import SILENT, Progress
from typica.core.run import WEIGHTS, Run
from typica.data.corpus import Corpus
from typica.data.of_run import held_out, unchanged_corpus
from typica.data.stretch import Stretch
from typica.typicality.monitor.grid import WINDOWS_S
from typica.typicality.monitor.hearing import Recording as Heardable
from typica.typicality.monitor.monitor import ALARMS_PER_HOUR, Monitor

FILE = "monitor.json"
CALIBRATION_S = 600.0  # of held-out recordings, at most: it is waited for


def monitor_for(
    run: Run,
    engine: Engine,
    *,
    alarms_per_hour: float = ALARMS_PER_HOUR,
    seconds: float = CALIBRATION_S,
    progress: Progress = SILENT,
) -> Monitor:
    """Return the monitor of a run.

    The file `monitor.json` beside its weights, if it is of these weights and of so many alarms;
    else one that is calibrated now on recordings held out of the run's corpus, and kept beside
    the weights; else, where the corpus is not at hand, one that knows only what needs no
    recordings: the martingale and silence.

    Args:
        run: The run or a checkpoint, of an autoregressive system.
        engine: Of its model.
        alarms_per_hour: False alarms that may be.
        seconds: Held-out recordings to calibrate on, at most.
        progress: Hears what is done, and what the monitor cannot do.
    """
    found = find_monitor(run, progress)
    if found is not None and found.calibration.get("alarms_per_hour") == alarms_per_hour:
        return found
    try:
        corpus = unchanged_corpus(run)
        excerpts = held_out(corpus, seconds)
        fitted = _calibrate(run, engine, corpus, excerpts, alarms_per_hour, progress)
    except (DataError, RunError) as error:
        progress.say(
            f"the monitor only knows drift of the drawing and silence, no loops and no noise: "
            f"it could not be calibrated, for {error}"
        )
        return Monitor.uncalibrated(run.rate, alarms_per_hour=alarms_per_hour)
    return fitted


def find_monitor(run: Run, progress: Progress = SILENT) -> Monitor | None:
    """Return the monitor that lies beside a run's weights, if it is theirs."""
    path = run.path / FILE
    if not path.is_file():
        return None
    try:
        found = Monitor.load(path)
    except RunError as error:
        progress.say(str(error))
        return None
    if found.rate != run.rate or found.calibration.get("weights") != digest(run.path / WEIGHTS):
        progress.say(f"{path} is of other weights: the run was trained further")
        return None
    return found


def _calibrate(
    run: Run,
    engine: Engine,
    corpus: Corpus,
    excerpts: list[Stretch],
    alarms_per_hour: float,
    progress: Progress,
) -> Monitor:
    minutes = sum(one.length for one in excerpts) / corpus.rate / 60
    progress.say(f"calibrating the monitor on {minutes:.0f} min of held-out recordings, once")
    fitted = Monitor.fit(
        engine,
        _sounds(run, corpus, excerpts),
        rate=run.rate,
        windows_s=WINDOWS_S,
        alarms_per_hour=alarms_per_hour,
        progress=progress,
    )
    notes = {
        "weights": digest(run.path / WEIGHTS),
        "corpus": corpus.name,
        "split": excerpts[0].recording.split,
        "date": date.today().isoformat(),
    }
    fitted = fitted.noting(**notes)
    if fitted.blindness:
        progress.say(f"the monitor: {fitted.blindness}")
    try:
        fitted.save(run.path / FILE)
    except DiskError as error:  # a run that may only be read plays none the worse
        progress.say(f"the monitor is calibrated again next time: {error}")
    return fitted


def _sounds(run: Run, corpus: Corpus, excerpts: list[Stretch]) -> Iterator[Heardable]:
    """Yield each excerpt, and what the model is told of it where it must be told something."""
    needs = run.model.needs
    for one in excerpts:
        audio = corpus.audio(*one)
        frames = corpus.condition([one.recording], [one.start], one.length, needs)
        told = to_device(frames, run.device)
        yield (audio, told) if told else audio
