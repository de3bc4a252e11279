"""Clips to choose from: drawn in groups, watched while they are, and kept as they come."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from typica.core.drawable import is_drawable
from typica.core.errors import RunError
from typica.core.files import digest, replacing, write_json
from typica.core.progress import SILENT, Progress
from typica.core.randomness import seeded_rows
from typica.core.run import WEIGHTS, Run
from typica.data.of_run import held_out, unchanged_corpus
from typica.data.sound import write_audio
from typica.engines.compiler import compile
from typica.evaluation.curation import CURATION, Clip, peaks_of, profile_of
from typica.evaluation.free_running import Played, Stream, play
from typica.evaluation.stage import USUAL, Stage
from typica.evaluation.trap_limits import with_band
from typica.signal.spectrum import decibels, magnitude
from typica.streaming.monitoring import CALIBRATION_S

GROUP = 8  # drawn side by side, and kept together
PICTURE = (96, 480)  # pixels of a spectrogram
RANGE_DB = 70.0


def draw_clips(
    run: Run, folder: Path, count: int, seconds: float, seed: int, progress: Progress = SILENT
) -> int:
    """Draw clips into a folder, or those that are missing, each with a seed of its own.

    Clip `n` is what `typica sample` draws with the seed `seed + n - 1`. For each there is a sound
    file, a spectrogram, and a JSON file that is written last: where it is, the clip is whole.

    Args:
        run: A run or a checkpoint.
        folder: Where to keep them.
        count: Clips.
        seconds: Of each; a rest of a tick of the monitor is left out.
        seed: Of the first.
        progress: Hears how far it is.

    Returns:
        How many were drawn.

    Raises:
        RunError: Clips of another length or checkpoint were already chosen from.
        DataError: The corpus is missing, changed, or holds too little that was held out.
    """
    made = _made(run, seconds)
    _forget_others(folder, made)
    missing = [n for n in range(count) if read_clip(folder, _name(n)) is None]
    if missing:
        player = _Player(run, seconds, progress)
        for start in range(0, len(missing), GROUP):
            group = missing[start : start + GROUP]
            progress.say(f"clips {group[0] + 1} to {group[-1] + 1} of {count}")
            played = player.play([seed + number for number in group])
            for number, stream, audio in zip(group, played.run.streams, played.audio, strict=True):
                _keep(folder, _name(number), seed + number, stream, audio, run, made)
    return len(missing)


def kept_clips(folder: Path) -> Iterator[Clip]:
    """Yield the clips that are whole in a folder, in the order of their numbers."""
    for path in sorted(folder.glob("clip-*.json")):
        clip = read_clip(folder, path.stem)
        if clip is not None:
            yield clip


def read_clip(folder: Path, name: str) -> Clip | None:
    """Read what is known of a clip; None where it is not whole."""
    if not (folder / f"{name}.wav").exists():
        return None
    try:
        return Clip.from_json(_read(folder / f"{name}.json")["clip"])
    except (KeyError, TypeError):  # it is drawn again
        return None


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


class _Player:
    """A model that plays, and what watches it."""

    def __init__(self, run: Run, seconds: float, progress: Progress) -> None:
        assert is_drawable(run.model)  # seen before it was trained
        corpus = unchanged_corpus(run)
        excerpts = held_out(corpus, CALIBRATION_S)
        self.stage = Stage(
            run.model,
            corpus,
            excerpts[0].recording.split,
            excerpts,
            USUAL,
            learnt=corpus.recordings("train"),
            progress=progress,
        )
        self.engine, self.seconds = compile(run.model, say=progress.say), seconds
        self.monitor = with_band(self.stage.limits, self.stage.along(self.engine).heard)

    def play(self, seeds: Sequence[int]) -> Played:
        """Draw a clip with each seed; no clip depends on the others."""
        return play(
            self.engine,
            self.monitor,
            self.stage.real,
            count=len(seeds),
            seconds=self.seconds,
            learnt=self.stage.learnt,
            generator=[seeded_rows(seed, 1, self.engine.device)[0] for seed in seeds],
            progress=self.stage.progress,
        )


def _name(number: int) -> str:
    return f"clip-{number + 1:03d}"


def _made(run: Run, seconds: float) -> dict[str, Any]:
    """Return all that clips depend on, but their seeds."""
    return {"weights": digest(run.path / WEIGHTS), "seconds": seconds}


def _forget_others(folder: Path, made: dict[str, Any]) -> None:
    """Remove clips of another length or checkpoint, unless somebody has chosen from them."""
    for path in sorted(folder.glob("clip-*.json")):
        if _read(path).get("made") in (None, made):  # what is damaged is drawn again
            continue
        if (folder.parent / CURATION).exists():
            raise RunError(
                f"{folder} holds clips of another length or checkpoint, and {CURATION} speaks of "
                f"them: move both away to draw others"
            )
        for ending in (".json", ".wav", ".png"):
            path.with_suffix(ending).unlink(missing_ok=True)


def _keep(
    folder: Path, name: str, seed: int, stream: Stream, audio: Tensor, run: Run, made: Any
) -> None:
    """Write a clip: its sound, its picture, and last what is known of it."""
    write_audio(folder / f"{name}.wav", audio, run.rate)
    _write_picture(folder / f"{name}.png", audio)
    heard = (profile_of(audio, run.rate), peaks_of(audio))
    clip = Clip(name, seed, audio.shape[-1], run.rate, stream, *heard)
    write_json(folder / f"{name}.json", {"made": made, "clip": asdict(clip)})


def _write_picture(path: Path, audio: Tensor) -> None:
    """Write a spectrogram as a small picture, low frequencies below."""
    from matplotlib.image import imsave

    levels = decibels(magnitude(audio[0].float()))
    rows, columns = (min(most, have) for most, have in zip(PICTURE, levels.shape, strict=True))
    small = F.adaptive_max_pool2d(levels[None], (rows, columns))[0].flip(0)
    top = float(small.max())
    with replacing(path) as place:
        imsave(place, small.numpy(), cmap="magma", vmin=top - RANGE_DB, vmax=top, format="png")
