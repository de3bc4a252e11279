"""Clips to choose from: what rules say of each, in which order they stand, and what was chosen."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
import torch.nn.functional as F
from scipy.stats import rankdata
from torch import Tensor

from typica.core.errors import DataError
from typica.evaluation.free_running import Stream
from typica.evaluation.ranking import TRAPPED
from typica.signal.mel import mel_spectrogram
from typica.signal.spectrum import decibels

BANDS, FLOOR_DB = 24, -60.0
COLUMNS = 400  # of an outline
CURATION = "curation.json"
MOST_SECONDS = 30.0  # of a crossfade or a gap
MOST_LETTERS = 10_000  # of a note

Verdict = Literal["keep", "drop"]


@dataclass(frozen=True)
class Clip:
    """A clip that was drawn.

    Attributes:
        name: Of its file, without the ending.
        seed: That draws it again.
        samples: Its length.
        rate: Hertz.
        stream: What befell it.
        profile: How it sounds, see `profile_of`.
        peaks: Its outline, see `peaks_of`.
    """

    name: str
    seed: int
    samples: int
    rate: int
    stream: Stream
    profile: Sequence[float]
    peaks: Sequence[int]

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.samples / self.rate

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self:
        """Read it from the plain values that `dataclasses.asdict` makes of it."""
        return cls(**{**plain, "stream": Stream.from_json(plain["stream"])})


@dataclass(frozen=True)
class Placed:
    """A clip in its place.

    Attributes:
        place: 1 is best by the rules.
        clip: The clip.
        novelty: How far it sounds from the clip that is nearest to it, decibels; None for a
            single one.
    """

    place: int
    clip: Clip
    novelty: float | None


@dataclass(frozen=True)
class Choice:
    """What a person says of a clip."""

    verdict: Verdict | None = None
    title: str = ""
    note: str = ""


@dataclass(frozen=True)
class Curation:
    """What was chosen of the clips.

    Attributes:
        order: Names of clips, the first heard first.
        clips: What was said of each, by name.
        title: Of the album.
        join: How tracks follow one another.
        seconds: Of a crossfade or a gap.
    """

    order: Sequence[str] = ()
    clips: Mapping[str, Choice] = field(default_factory=dict)
    title: str = ""
    join: Literal["crossfade", "gap"] = "crossfade"
    seconds: float = 2.0

    @property
    def kept(self) -> list[str]:
        """Names of the clips that are kept, in order."""
        return [name for name in self.order if self.clips.get(name, Choice()).verdict == "keep"]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, plain: Any) -> Self:
        """Read it from plain values, such as a page sends.

        Raises:
            DataError: They are no such thing.
        """
        try:
            clips = {str(name): _choice(one) for name, one in plain["clips"].items()}
            order = tuple(dict.fromkeys(str(name) for name in plain["order"]))
            join, seconds = plain["join"], float(plain["seconds"])
            title = _text(plain["title"])
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise DataError("no curation: it lacks order, clips, title, join or seconds") from error
        if join not in ("crossfade", "gap") or not 0 <= seconds <= MOST_SECONDS:
            raise DataError(
                f"tracks are joined by a crossfade or a gap of at most {MOST_SECONDS:g} s, "
                f"got {join!r} of {seconds:g} s"
            )
        return cls(order, clips, title, join, seconds)


def read_curation(folder: Path) -> Curation | None:
    """Read what was chosen in the folder of an album; None where nothing was yet.

    Raises:
        DataError: The file is damaged.
    """
    path = folder / CURATION
    try:
        return Curation.from_json(json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, DataError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def profile_of(audio: Tensor, rate: int) -> list[float]:
    """Return the mean and the spread of each mel band of audio (1, time), in decibels."""
    mel = mel_spectrogram(audio[0].float(), rate=rate, bands=BANDS)
    levels = decibels(mel, floor_db=FLOOR_DB)
    return torch.cat([levels.mean(-1), levels.std(-1)]).tolist()


def peaks_of(audio: Tensor) -> list[int]:
    """Return the largest amplitudes of stretches of audio (1, time), in hundredths."""
    columns = min(COLUMNS, audio.shape[-1])
    return (100 * F.adaptive_max_pool1d(audio.abs(), columns)[0]).round().int().tolist()


def place(clips: Sequence[Clip]) -> list[Placed]:
    """Order clips by rules, best first.

    Each has a place by the share of its time in traps, by its distance from recordings, by what
    it clips, by what it copies, and by its novelty: how far it is from the clip that sounds most
    like it. The mean of these places decides, and then the seed; but whatever is in traps for half
    of its time stands behind all that is not.
    """
    if not clips:
        return []
    novelty = _novelty([one.profile for one in clips])
    figures = [
        [one.stream.trapped for one in clips],
        [one.stream.distance_db for one in clips],
        [one.stream.clipped for one in clips],
        [one.stream.copied or 0.0 for one in clips],
        [-value for value in novelty],
    ]
    means = np.mean([rankdata(column) for column in figures], axis=0)
    keys = [
        (one.stream.trapped >= TRAPPED, float(mean), one.seed)
        for one, mean in zip(clips, means, strict=True)
    ]
    order = sorted(range(len(clips)), key=lambda number: keys[number])
    known = len(clips) > 1
    return [
        Placed(number, clips[index], novelty[index] if known else None)
        for number, index in enumerate(order, start=1)
    ]


def _novelty(profiles: Sequence[Sequence[float]]) -> list[float]:
    """Return how far each profile is from the nearest other one."""
    table = np.asarray(profiles, np.float64)
    apart = np.sqrt(np.square(table[:, None] - table[None]).mean(-1))
    np.fill_diagonal(apart, np.inf)
    return [float(value) if np.isfinite(value) else 0.0 for value in apart.min(1)]


def _choice(plain: Mapping[str, Any]) -> Choice:
    verdict = plain.get("verdict")
    if verdict not in (None, "keep", "drop"):
        raise ValueError(verdict)
    return Choice(verdict, _text(plain.get("title", "")), _text(plain.get("note", "")))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value[:MOST_LETTERS]
