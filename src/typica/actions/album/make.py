"""Making an album: each stage goes on where it was, and is skipped where it is done."""

from __future__ import annotations

import math
import shlex
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from typica.actions.album.clips import GROUP, draw_clips
from typica.actions.album.page import write_curation_page
from typica.actions.album.project import CLIPS, CORPUS, Project, alone, begin
from typica.actions.album.recipe import check_recipe, course, tables, wished
from typica.actions.album.recordings import changes, check_held_out
from typica.actions.album.speed import measure_speed, playing_speed
from typica.actions.audition import USUAL, audition
from typica.actions.plan import plan
from typica.actions.prepare_data import prepare_data
from typica.actions.stream import Computing, Music, stream
from typica.actions.train import train
from typica.core.config import read_yaml
from typica.core.device import pick_device
from typica.core.duration import span
from typica.core.errors import ConfigError, DataError
from typica.core.files import digest
from typica.core.progress import SILENT, Progress
from typica.core.run import CONFIG, WEIGHTS, load
from typica.data.corpus import INFO, Corpus, open_corpus
from typica.data.split import SPLITS
from typica.evaluation.curation import CURATION
from typica.evaluation.curation_page import PAGE
from typica.evaluation.figures import check_matplotlib
from typica.evaluation.free_running import FreeRun
from typica.evaluation.ranking import TRAPPED
from typica.streaming.airing import Aired
from typica.streaming.server import listen
from typica.training.card import CARD
from typica.training.job import describe

Stage = Literal["prepare", "plan", "train", "audition", "clips", "page", "stream"]
STAGES: tuple[Stage, ...] = get_args(Stage)
FAR = 1.5  # times as far from recordings as those are from one another


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
        TypicaError: Something asked for does not go together, the port is taken, another command
            makes the album, or a stage failed.
        KeyboardInterrupt: Ctrl-C was pressed; what is done is kept.
    """
    check_matplotlib("the page of an album")
    pick_device(device)  # what all of it will need, before the hours of training
    if until == "stream":
        listen(http).close()
        if seconds is not None and not 0 < seconds < math.inf:
            raise ConfigError(f"--seconds must be above 0, got {seconds:g}")
    project = begin(folder, out, wishes)
    check_recipe(project)
    making = _Making(project, device, progress)
    last = STAGES.index(until)
    with alone(project.path):
        for stage in STAGES[: min(last, STAGES.index("page")) + 1]:
            getattr(making, stage)()
        project.save()
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
        """Prepare the recordings; what a training has begun with stays as it was."""
        is_begun = (self.project.run_path / CONFIG).exists()
        corpus = self._kept() if is_begun and (self.corpus / INFO).exists() else self._prepared()
        shares = [f"{corpus.seconds(split) / 60:.1f} min {split}" for split in SPLITS]
        self._say("prepare", f"{', '.join(shares)}; held out by {self.settings.split}")

    def plan(self) -> None:
        """Measure what the training will take, and how fast the model will play."""
        asked = {**self._asked_of_training(), "device": str(pick_device(self.device))}
        before = self.project.done.get("plan", {})
        if before.get("asked") == asked:
            self._say("plan", "measured before")
        else:
            self.project.note("plan", {"asked": asked, **self._measure()})
        self._say("plan", self._estimate())

    def train(self) -> None:
        """Train, or go on, or see that it was done."""
        asked, run = self.settings, self.project.run_path
        wanted = self._asked_of_training()
        if self.project.done.get("train") != wanted:
            # What is asked for stands before it is done, and a run without a card is not finished.
            (run / CARD).unlink(missing_ok=True)
            self.project.note("train", wanted)
        if all((run / name).exists() for name in (WEIGHTS, CARD)):
            self._say("train", f"done before; the run is {run}")
            return
        if (self.project.path / CURATION).exists():
            self._say(
                "train", f"{CURATION} speaks of the clips that are there: no others are drawn"
            )
        train(
            asked.system,
            self.corpus,
            asked.preset,
            course(asked, self.project.done["plan"]),
            name=self.project.run,
            resume=(run / CONFIG).exists(),
            device=self.device,
            progress=self.progress,
        )
        self._say("train", f"done; the run is {run}")

    def audition(self) -> None:
        """Let all checkpoints play, and choose the healthiest."""
        settings, weights = self.settings, digest(self.project.run_path / WEIGHTS)
        usual = USUAL._replace(clip_seconds=settings.audition_seconds, seed=settings.seed)
        asked = {"weights": weights, **usual._asdict()}
        before = self.project.done.get("audition", {})
        if before.get("asked") == asked and Path(before["path"]).is_dir():
            self._say("audition", f"done before: {before['name']}")
            return
        found = audition(
            self.project.run_path,
            course=usual,
            out=self.project.path / "audition",
            device=self.device,
            progress=self.progress,
        )
        best = found.program.ranked[0].audition
        self.project.note("audition", {"asked": asked, "path": best.path, "name": best.name})
        for sentence in found.program.sentences:
            self._say("audition", sentence)
        for sentence in advice(best.run, found.program.expected_distance_db):
            self._say("audition", sentence)
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
        factor = playing_speed(load(self.chosen, self.device), self.progress)
        if factor < 1:
            ahead = ["typica", "stream", self.chosen, "-o", "ahead.flac", "--seconds", "600"]
            self._say(
                "stream",
                f"this machine draws {factor:.2g} times real time, too slow to play live: draw "
                f"ahead by {shlex.join(ahead)}",
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

    def _prepared(self) -> Corpus:
        """Prepare the recordings, and see that a model can be chosen by what is held out."""
        asked = self.settings
        corpus = prepare_data(
            asked.folder,
            self.corpus,
            rate=asked.rate,
            split=asked.split,
            licence=asked.licence,
            progress=self.progress,
        )
        check_held_out(corpus, asked.split)
        self._check_same(corpus)
        return corpus

    def _check_same(self, corpus: Corpus) -> None:
        """Refuse other recordings than those that a training has begun with."""
        run = self.project.run_path
        if not (run / CONFIG).exists():
            return
        if read_yaml(run / CONFIG)["corpus"]["fingerprint"] != corpus.fingerprint:
            raise DataError(
                f"{self.settings.folder} holds other recordings than those that {run} was begun "
                f"with: begin another album with --out"
            )

    def _kept(self) -> Corpus:
        """Open the corpus that is trained on, and tell what came or went since."""
        corpus = open_corpus(self.corpus)
        for sentence in changes(Path(self.settings.folder), corpus):
            self._say("prepare", sentence)
        return corpus

    def _measure(self) -> dict[str, Any]:
        asked = self.settings
        planned = plan(
            asked.system,
            self.corpus,
            asked.preset,
            wished(asked),
            device=self.device,
            progress=self.progress,
        ).plan
        place = pick_device(self.device)
        job = describe(asked.system, asked.preset, tables(asked), open_corpus(self.corpus), place)
        with self.progress.task("drawing for a moment"):
            speed = measure_speed(job, min(GROUP, asked.clips), self.progress)
        return {
            "parameters": planned.parameters,
            "steps": planned.steps,
            "training_s": planned.training_s,
            "checkpoint_bytes": planned.checkpoint_bytes,
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
        disk_mb = asked.checkpoints * found["checkpoint_bytes"] / 1e6
        return (
            f"{found['parameters']:,} parameters; training {span(found['training_s'])} "
            f"({found['steps']:,} steps), audition {span(audition_s)}, clips "
            f"{span(clips_s)}; checkpoints {disk_mb:,.0f} MB; one stream plays "
            f"{found['stream']:.3g} times real time"
            f"{'' if found['fits'] else '; it does not fit into the free memory'}"
        )

    def _say(self, stage: str, words: str) -> None:
        self.progress.say(f"{stage}: {words}")


def advice(best: FreeRun, usual_db: float | None) -> list[str]:
    """Return what to do where even the best checkpoint makes no music; nothing where it may.

    Args:
        best: How it plays by itself.
        usual_db: How far the spectra of recordings lie from one another, decibels, if known.
    """
    distance_db, far = best.mean("distance_db"), ""
    if usual_db is not None and distance_db is not None and distance_db > FAR * usual_db:
        far = (
            f"it sounds unlike the recordings, {distance_db:.0f} dB from them, where those are "
            f"{usual_db:.0f} dB from one another: "
        )
    if best.trapped < TRAPPED and not far:
        return []
    return [
        f"{far}train for longer, by the same command with more --minutes; if it still makes "
        f"nothing but noise, begin anew with another --seed and --out"
    ]
