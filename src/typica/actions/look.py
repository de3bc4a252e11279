"""Looking at recordings and scores: each becomes one picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from typica.core.errors import ConfigError, DataError, did_you_mean
from typica.core.progress import SILENT, Progress
from typica.data.excerpt import read_excerpt
from typica.data.reading import Kind, kind_of, read_abc, read_performance
from typica.data.refusals import printable
from typica.evaluation.figures import check_matplotlib, picture_endings, write_figure
from typica.evaluation.views.axes import DOT, Span
from typica.evaluation.views.facts import ScoreFacts, SoundFacts, TuneFacts
from typica.evaluation.views.panels import PANELS
from typica.evaluation.views.roll import draw_roll
from typica.evaluation.views.sheet import analyse, draw_sound
from typica.score.abc.cleaning import clean
from typica.score.abc.playing import played
from typica.score.abc.tempo import quarters_per_minute
from typica.score.controls import Controls, Performance

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Format = Literal["png", "svg", "pdf"]
FORMATS: tuple[Format, ...] = ("png", "svg", "pdf")

SOUND_S, SCORE_S = 10.0, 60.0  # that are shown of long files unless the user says otherwise
LONGEST_S = 60.0  # of sound: more would show no partials, and memory grows with it


@dataclass(frozen=True)
class Look:
    """A picture that was made.

    Attributes:
        file: What it is of, as the user named it.
        kind: What the file holds.
        figure: Where the picture is.
        shown: What it shows, in one line.
        facts: What was measured.
        remarks: What the user should know besides.
    """

    file: str
    kind: Kind
    figure: Path
    shown: str
    facts: SoundFacts | ScoreFacts
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Looks:
    """Pictures of files.

    Attributes:
        looks: Of those that could be read.
        refused: Why the others could not, by file.
    """

    looks: list[Look]
    refused: dict[str, str]


class Wish(NamedTuple):
    """What of a file is to be shown.

    Attributes:
        start_s: Where to begin.
        seconds: How much; what suits the kind of file where None.
        panels: Of a recording.
        rate: Hertz to read a recording at; its own where None.
        tune: Of an ABC file, counted from 1.
    """

    start_s: float = 0.0
    seconds: float | None = None
    panels: tuple[str, ...] = tuple(PANELS)
    rate: int | None = None
    tune: int = 1


class _Drawn(NamedTuple):
    figure: Figure
    facts: SoundFacts | ScoreFacts
    remarks: tuple[str, ...] = ()


def look(
    files: Sequence[str | Path],
    *,
    out: str | Path | None = None,
    kind: Format | None = None,
    start_s: float = 0.0,
    seconds: float | None = None,
    panels: Sequence[str] = (),
    rate: int | None = None,
    tune: int = 1,
    progress: Progress = SILENT,
) -> Looks:
    """Draw each file: a recording as panels over time, a score as a piano roll.

    Of a recording the stretch that is shown is all that is read. Files that cannot be used are
    told to `progress` and left out.

    Args:
        files: Recordings, MIDI files and ABC files.
        out: A file whose ending says its kind, for one picture; else a folder, that where one
            stands if None, where each is called as its file with the kind's ending behind.
        kind: Of the pictures: that of `out`, or "png", if None.
        start_s: Seconds at which to begin.
        seconds: How many to show; if None, 10 of sound, and of a score all, or of a long one 60.
        panels: What to show of recordings, by names of `PANELS`; all where there are none.
        rate: Hertz to read recordings at; their own if None.
        tune: Which tune of an ABC file, counted from 1.
        progress: Hears how far it is, and what was refused.

    Raises:
        ConfigError: A panel has no such name, or the stretch, rate or place is impossible.
        DataError: None of the files can be used.
        DiskError: A picture cannot be written.
        MissingFeatureError: Matplotlib is not installed.
    """
    check_matplotlib("a picture")
    wish = Wish(start_s, seconds, _checked(panels), rate, tune)
    _check_numbers(wish)
    places = _places([Path(file) for file in files], out, kind)
    looks, refused = [], {}
    bar = progress if len(files) > 1 else SILENT
    with bar.task("looking", total=len(files), unit="files") as task:
        for file, (place, format_) in zip(files, places, strict=True):
            try:
                looks.append(_look(Path(file), place, format_, wish))
            except DataError as error:
                refused[str(file)] = printable(str(error))
            task.advance()
    _tell(refused, len(files), progress)
    return Looks(looks, refused)


def _checked(panels: Sequence[str]) -> tuple[str, ...]:
    for name in panels:
        if name not in PANELS:
            raise ConfigError(f"there is no panel {name!r}: {did_you_mean(name, PANELS)}")
    return tuple(dict.fromkeys(panels)) or tuple(PANELS)


def _check_numbers(wish: Wish) -> None:
    if not 0 <= wish.start_s < math.inf:
        raise ConfigError(f"a stretch begins at 0 s or later; got {wish.start_s:g} s")
    if wish.seconds is not None and not 0 < wish.seconds < math.inf:
        raise ConfigError(f"a stretch lasts longer than 0 s; got {wish.seconds:g} s")
    if wish.rate is not None and not 1000 <= wish.rate <= 768_000:
        raise ConfigError(f"recordings are read at 1000 to 768000 Hz; got {wish.rate}")
    if wish.tune < 1:
        raise ConfigError(f"tunes are counted from 1; got {wish.tune}")


def _places(
    files: Sequence[Path], out: str | Path | None, kind: Format | None
) -> list[tuple[Path, Format]]:
    """Return where each picture goes and its format."""
    place = Path(out or ".")
    ending = place.suffix.lower().removeprefix(".")
    named: Format | None = next((one for one in FORMATS if one == ending), None)
    if named is None and ending in picture_endings() and not place.is_dir():
        raise ConfigError(f"{place.name} cannot be written: pictures are {', '.join(FORMATS)}")
    if named is None or place.is_dir():
        names = [f"{file.name}.{kind or 'png'}" for file in files]
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(
                    f"two pictures would be called {name}: look at their files one by one, each "
                    f"with its own --out"
                )
        return [(place / name, kind or "png") for name in names]
    if len(files) > 1:
        raise ConfigError(f"{len(files)} pictures cannot be one file: make --out a folder")
    if kind not in (None, named):
        raise ConfigError(f"{place.name} cannot be a {kind}: give it another ending")
    return [(place, named)]


def _look(file: Path, place: Path, format_: Format, wish: Wish) -> Look:
    kind = kind_of(file)
    drawn = {"sound": _sound, "MIDI": _midi, "ABC": _abc}[kind](file, wish)
    write_figure(drawn.figure, place, format_)
    return Look(str(file), kind, place, DOT.join(drawn.facts.parts()), drawn.facts, drawn.remarks)


def _sound(file: Path, wish: Wish) -> _Drawn:
    seconds = wish.seconds or SOUND_S
    if seconds > LONGEST_S:
        raise ConfigError(
            f"a picture shows at most {LONGEST_S:g} s of sound; got {seconds:g} s: choose a "
            f"stretch with --start and --seconds"
        )
    excerpt = read_excerpt(file, start_s=wish.start_s, seconds=seconds, rate=wish.rate)
    analysis = analyse(excerpt)
    facts = SoundFacts.of(excerpt, analysis)
    figure = draw_sound(excerpt, analysis, wish.panels, name=_name(file), about=facts.parts())
    remarks: tuple[str, ...] = ()
    if facts.pitch_tracker != "swift-f0":
        remarks = (
            f"pitch is found by {facts.pitch_tracker}: swift-f0, which errs less, is not "
            f"installed (pip install 'typica[pitch]')",
        )
    return _Drawn(figure, facts, remarks)


def _midi(file: Path, wish: Wish) -> _Drawn:
    return _roll(file, read_performance(file), wish)


def _abc(file: Path, wish: Wish) -> _Drawn:
    tunes = read_abc(file)
    if wish.tune > len(tunes):
        raise DataError(f"cannot use {file}: it holds {len(tunes)} tunes, no tune {wish.tune}")
    typed = tunes[wish.tune - 1]
    try:
        tune = clean(typed)
        unit = next(Fraction(token[2:]) for token in tune.tokens if token.startswith("L:"))
        tempo = quarters_per_minute(typed.fields.get("Q", ""), unit)
        notes = played(tune.tokens, quarters_per_minute=tempo)
    except DataError as error:
        raise DataError(f"cannot use {file}: tune {wish.tune}: {error}") from error
    metre, _, key = (token[2:] for token in tune.tokens[:3])
    told = TuneFacts(wish.tune, len(tunes), tune.title, metre, key, tempo)
    return _roll(file, Performance(notes, Controls.of([])), wish, told)


def _roll(
    file: Path, performance: Performance, wish: Wish, tune: TuneFacts | None = None
) -> _Drawn:
    notes = performance.notes
    if not len(notes):
        raise DataError(f"cannot use {file}: it holds no notes")
    if wish.start_s >= notes.duration_s:
        raise DataError(
            f"cannot use {file}: nothing sounds at {wish.start_s:g} s and after: it lasts "
            f"{notes.duration_s:.2f} s"
        )
    span = _span(wish, notes.duration_s)
    facts = ScoreFacts.of(performance, span, tune)
    remarks: tuple[str, ...] = ()
    if wish.panels != tuple(PANELS) or wish.rate:
        remarks = ("panels and rates are of recordings: of a score all is drawn",)
    name = ": ".join(filter(None, [_name(file), printable(tune.title if tune else "")]))
    return _Drawn(draw_roll(performance, span, name=name, about=facts.parts()), facts, remarks)


def _span(wish: Wish, duration_s: float) -> Span:
    """Return the stretch of a score to show: to its end, where hardly more would be left."""
    rest_s = duration_s - wish.start_s
    usual_s = rest_s if rest_s < 1.5 * SCORE_S else SCORE_S
    return Span(wish.start_s, wish.start_s + min(wish.seconds or usual_s, rest_s))


def _name(file: Path) -> str:
    return printable(file.name)


def _tell(refused: dict[str, str], count: int, progress: Progress) -> None:
    """Tell why files cannot be used, and give up if none can."""
    if count == len(refused) == 1:
        raise DataError(next(iter(refused.values())))
    for reason in refused.values():
        progress.say(reason)
    if len(refused) == count:
        raise DataError(f"none of the {count} files can be looked at: the reasons are above")
