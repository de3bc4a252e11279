"""Making an album: each stage goes on where it was, and is skipped where it is done."""

from __future__ import annotations

import math
import shlex
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from typica.actions.album.clips import GROUP, draw_clips, kept_clips
from typica.actions.album.project import CLIPS, CORPUS, Project, begin
from typica.actions.album.speed import measure_speed
from typica.actions.audition import USUAL, audition
from typica.actions.plan import plan
from typica.actions.prepare_data import prepare_data
from typica.actions.stream import Computing, Music, stream
from typica.actions.train import train
from typica.core import registry
from typica.core.config import override
from typica.core.device import pick_device
from typica.core.duration import span
from typica.core.errors import DataError
from typica.core.files import digest
from typica.core.progress import SILENT, Progress
from typica.core.run import CONFIG, WEIGHTS, load
from typica.data.corpus import Corpus, open_corpus
from typica.data.split import SPLITS
from typica.evaluation.curation import place, read_curation
from typica.evaluation.curation_page import PAGE, write_page
from typica.evaluation.figures import check_matplotlib
from typica.evaluation.ranking import TRAPPED
from typica.streaming.airing import Aired
from typica.streaming.server import check_installed, parse_address
from typica.training.card import CARD
from typica.training.job import describe
from typica.typicality.monitor.calibration import BLOCK_S
from typica.typicality.monitor.tail import LEAST_BLOCKS

Stage = Literal["prepare", "plan", "train", "audition", "clips", "page", "stream"]
STAGES: tuple[Stage, ...] = get_args(Stage)
LEAST_MINUTES = 5.0  # of recordings
SAFETY_MINUTES = 10.0  # between checkpoints that are written for safety alone


class Album(NamedTuple):
    """How far an album is.

    Attributes:
        project: Its folder, and what was found.
        page: Where clips are heard and chosen; None if it did not come so far.
        aired: What became of the stream, if there was one.
    """

    project: Project
    page: Path | None = None
    aired: Aired | None = None


def make_album(
    folder: Path,
    out: Path,
    wishes: Mapping[str, Any],
    *,
    until: Stage = "stream",
    http: str = "127.0.0.1:8000",
    seconds: float | None = None,
    device: str = "auto",
    progress: Progress = SILENT,
) -> Album:
    """Prepare recordings, train, choose a checkpoint by ear, draw clips, write a page, stream.

    Called again it goes on where it was: with the same wishes it comes to the same.

    Args:
        folder: Of the recordings, or the album's own.
        out: The album's.
        wishes: What is asked for, by the names of `Settings`; what is left out stays as it was.
        until: The last stage.
        http: Where the stream is served.
        seconds: Length of the stream; endless if left out.
        device: Where to compute.
        progress: Hears how far it is.

    Raises:
        TypicaError: Something asked for does not go together, or a stage failed.
        KeyboardInterrupt: Ctrl-C was pressed; what is done is kept.
    """
    check_matplotlib("the page of an album")
    if until == "stream":  # what it will need, before the hours of training
        check_installed()
        parse_address(http)
    project = begin(folder, out, wishes)
    making = _Making(project, device, progress)
    last = STAGES.index(until)
    for stage in STAGES[: min(last, STAGES.index("page")) + 1]:
        getattr(making, stage)()
    if last < STAGES.index("page"):
        return Album(project)
    page = project.path / PAGE
    return Album(project, page, making.stream(http, seconds) if until == "stream" else None)


class _Making:
    """The stages of an album."""

    def __init__(self, project: Project, device: str, progress: Progress) -> None:
        self.project, self.device, self.progress = project, device, progress
        self.settings = project.settings

    @property
    def corpus(self) -> Path:
        """Where the prepared recordings are; what they are called is read on cards."""
        return self.project.path / CORPUS / self.project.run

    def prepare(self) -> None:
        """Prepare the recordings, or see that they are as they were."""
        asked = self.settings
        corpus = prepare_data(
            asked.folder,
            self.corpus,
            rate=asked.rate,
            split=asked.split,
            licence=asked.licence,
            progress=self.progress,
        )
        _check_held_out(corpus)
        shares = [f"{corpus.seconds(split) / 60:.1f} min {split}" for split in SPLITS]
        self.project.note("prepare", {"fingerprint": corpus.fingerprint})
        self._say("prepare", f"{', '.join(shares)}; held out by {asked.split}")

    def plan(self) -> None:
        """Measure what the training will take, and how fast the model will play."""
        asked = self._asked_of_training()
        before = self.project.done.get("plan", {})
        if before.get("asked") == asked:
            self._say("plan", "measured before")
        else:
            self.project.note("plan", {"asked": asked, **self._measure()})
        self._say("plan", self._estimate())

    def train(self) -> None:
        """Train, or go on, or see that it was done."""
        asked, run = self.settings, self.project.run_path
        course = self._asked_of_training()
        if self.project.done.get("train") != course:
            # What is asked for stands before it is done, and a run without a card is not finished.
            (run / CARD).unlink(missing_ok=True)
            self.project.note("train", course)
        if all((run / name).exists() for name in (WEIGHTS, CARD)):
            self._say("train", f"done before; the run is {run}")
            return
        train(
            asked.system,
            self.corpus,
            asked.preset,
            self._settings(),
            name=self.project.run,
            resume=(run / CONFIG).exists(),
            device=self.device,
            progress=self.progress,
        )
        self._say("train", f"done; the run is {run}")

    def audition(self) -> None:
        """Let all checkpoints play, and choose the healthiest."""
        settings, weights = self.settings, digest(self.project.run_path / WEIGHTS)
        course = USUAL._replace(clip_seconds=settings.audition_seconds, seed=settings.seed)
        asked = {"weights": weights, **course._asdict()}
        before = self.project.done.get("audition", {})
        if before.get("asked") == asked and Path(before["path"]).is_dir():
            self._say("audition", f"done before: {before['name']}")
            return
        found = audition(
            self.project.run_path,
            course=course,
            out=self.project.path / "audition",
            device=self.device,
            progress=self.progress,
        )
        best = found.program.ranked[0].audition
        self.project.note("audition", {"asked": asked, "path": best.path, "name": best.name})
        for sentence in found.program.sentences:
            self._say("audition", sentence)
        if best.run.trapped >= TRAPPED:
            self._say(
                "audition",
                "train for longer, by the same command with more --minutes; if it still makes "
                "nothing but noise, begin anew with another --seed and --out",
            )
        self._say("audition", f"the table is {found.page}")

    def clips(self) -> None:
        """Draw the clips that are missing."""
        began, asked = time.monotonic(), self.settings
        drawn = draw_clips(
            load(self.chosen, self.device),
            self.project.path / CLIPS,
            asked.clips,
            asked.clip_seconds,
            asked.seed,
            self.progress,
        )
        if drawn:
            self._say("clips", f"{drawn} drawn in {span(time.monotonic() - began)}")
        else:
            self._say("clips", f"all {asked.clips} were drawn before")

    def page(self) -> None:
        """Write the page on which clips are heard and chosen."""
        write_curation_page(self.project)
        self._say("page", f"{self.project.path / PAGE}")

    def stream(self, http: str, seconds: float | None) -> Aired | None:
        """Play without an end, if this machine is fast enough for it."""
        factor = self.project.done["plan"]["stream"]
        if factor < 1:
            self._say(
                "stream",
                f"this machine draws {factor:.2g} times real time, too slow to play live: draw "
                f"ahead by typica stream {self.chosen} -o ahead.flac --seconds 600",
            )
            return None
        self._say("stream", f"{factor:.3g} times real time, with the monitor on; Ctrl-C ends it")
        return stream(
            self.chosen,
            http=http,
            seconds=seconds,
            music=Music(seed=self.settings.seed),
            computing=Computing(device=self.device),
            progress=self.progress,
        )

    @property
    def chosen(self) -> str:
        """The checkpoint that was chosen."""
        return str(self.project.done["audition"]["path"])

    def _asked_of_training(self) -> dict[str, Any]:
        names = ("minutes", "steps", "checkpoints", "seed")
        asked = {name: getattr(self.settings, name) for name in names}
        return asked | {"settings": list(self.settings.settings)}

    def _measure(self) -> dict[str, Any]:
        asked = self.settings
        planned = plan(
            asked.system,
            self.corpus,
            asked.preset,
            self._wished(),
            device=self.device,
            progress=self.progress,
        ).plan
        place = pick_device(self.device)
        tables = override(registry.preset(asked.system, asked.preset), self._wished())
        job = describe(asked.system, asked.preset, tables, open_corpus(self.corpus), place)
        with self.progress.task("drawing for a moment"):
            speed = measure_speed(job, min(GROUP, asked.clips), self.progress)
        return {
            "parameters": planned.parameters,
            "steps": planned.steps,
            "training_s": planned.training_s,
            "fits": planned.fits,
            "stream": speed.stream,
            "together": speed.together,
        }

    def _estimate(self) -> str:
        """Say what is to come, in words."""
        found, asked = self.project.done["plan"], self.settings
        streams = USUAL.clips * asked.audition_seconds / found["together"]
        audition_s = asked.checkpoints * (streams + USUAL.seconds / found["stream"])
        clips_s = asked.clips * asked.clip_seconds / found["together"]
        return (
            f"{found['parameters']:,} parameters; training {span(found['training_s'])} "
            f"({found['steps']:,} steps), audition {span(audition_s)}, clips "
            f"{span(clips_s)}; one stream plays {found['stream']:.3g} times "
            f"real time{'' if found['fits'] else '; it does not fit into the free memory'}"
        )

    def _wished(self) -> list[str]:
        """Return the settings of the training that were wished for."""
        asked = self.settings
        given = {"steps": asked.steps, "minutes": asked.minutes, "seed": asked.seed}
        own = [f"training.{name}={value}" for name, value in given.items() if value is not None]
        return [*asked.settings, *own]

    def _settings(self) -> list[str]:
        """Return those, and when checkpoints are written: evenly, and all of them are kept."""
        found, count = self.project.done["plan"], self.settings.checkpoints
        every = max(1, math.ceil(found["steps"] / count))
        minutes = max(SAFETY_MINUTES, found["training_s"] / 60 / count)
        return [
            f"training.checkpoint_every={every}",
            f"training.checkpoint_minutes={minutes:.1f}",
            f"training.keep={3 * count}",
            *self._wished(),
        ]

    def _say(self, stage: str, words: str) -> None:
        self.progress.say(f"{stage}: {words}")


def _check_held_out(corpus: Corpus) -> None:
    """Refuse, before the training, what no checkpoint could be chosen by after it."""
    blocks = [one.length // round(BLOCK_S * corpus.rate) for one in corpus.recordings("valid")]
    if sum(blocks) < LEAST_BLOCKS:
        raise DataError(
            f"the recordings last {corpus.seconds() / 60:.1f} minutes, too short to hold out what "
            f"tells music from traps: take at least {LEAST_MINUTES:g} minutes, held out by spans"
        )


def write_curation_page(project: Project) -> Path:
    """Write the page of an album's clips."""
    asked = project.settings
    clips = list(kept_clips(project.path / CLIPS, asked.clips))
    export = shlex.join(["typica", "album", str(project.path), "--export"])
    chosen = read_curation(project.path)
    return write_page(project.path, project.run, place(clips), chosen, export)
