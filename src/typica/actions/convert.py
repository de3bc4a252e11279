"""Converting files between the representations of music, and telling what is lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise, permutations
from pathlib import Path
from typing import NamedTuple

from typica.actions.conversion.account import Converter, Outcome, Wishes, finite, option
from typica.actions.conversion.rendering import abc_to_sound, midi_to_sound, sound_to_midi
from typica.actions.conversion.score import (
    ROLL,
    abc_to_midi,
    archive_to_midi,
    midi_to_abc,
    midi_to_archive,
    midi_to_picture,
    picture_to_midi,
)
from typica.actions.conversion.sound import sound_to_sound
from typica.actions.conversion.sound_archive import archive_to_sound, sound_to_archive
from typica.actions.conversion.sound_picture import KIND as MAGNITUDES
from typica.actions.conversion.sound_picture import picture_to_sound, sound_to_picture
from typica.core.errors import ConfigError, DataError
from typica.core.files import check_writable
from typica.data.archive import read_archive
from typica.data.audiofile import MEDIA, check_file
from typica.data.reading import ABC, MIDI, kind_of
from typica.data.sound_file import FORMATS
from typica.images.grey import read_grey
from typica.score.representations import REPRESENTATIONS as SCORES
from typica.signal.representations import REPRESENTATIONS as SOUNDS

ARCHIVE, PICTURE = ".npz", ".png"
BETWEEN = {"MIDI": ".mid", "sound": ".wav"}
"""Kinds of files that a way may go by, each with an ending of it."""


@dataclass(frozen=True)
class Conversion:
    """What became of a file.

    Attributes:
        source: As the user named it.
        target: What was written.
        exact: Whether what went in comes back from what came out, to the bit or the quantum told.
        told: One sentence: what is lost and how much of it, or that nothing is.
        figures: What was measured, by name.
    """

    source: str
    target: str
    exact: bool
    told: str
    figures: dict[str, float | int | str]


def convert(
    source: str | Path, target: str | Path, *, wishes: Wishes | None = None, force: bool = False
) -> Conversion:
    """Convert a file to another representation of the same music.

    What is written is told by the ending of `target`; what is read, by its contents.

    Args:
        source: Sound, MIDI, ABC, or an archive or a picture that this function wrote.
        target: File to write.
        wishes: What was asked for besides.
        force: Whether a file that is there may be replaced.

    Raises:
        ConfigError: There is no such way, or it does not take what was asked for.
        DataError: The file cannot be used, or the target is there.
        DiskError: The target cannot be written.
    """
    source, target, wishes = Path(source), Path(target), wishes or Wishes()
    _check(source, target, force)
    kind, wanted = _kind(source), _wanted(target)
    way = WAYS.get((kind, wanted))
    if way is None:
        raise ConfigError(_route(source, target, kind, wanted))
    wishes.check_only([option(name) for name in way.takes], f"from {kind} to {wanted}")
    try:
        outcome = way.convert(source, target, wishes)
    except DataError as error:
        reason = str(error)
        named = str(source) in reason
        raise DataError(reason if named else f"cannot convert {source}: {reason}") from error
    return Conversion(
        str(source), str(target), outcome.exact, outcome.told, finite(outcome.figures)
    )


class Way(NamedTuple):
    """How one kind of file becomes another.

    Attributes:
        convert: What does it.
        takes: Names of the wishes that mean something.
    """

    convert: Converter
    takes: tuple[str, ...]


def _archive_to_midi(source: Path, target: Path, wishes: Wishes) -> Outcome:
    return archive_to_midi(read_archive(source), target)


def _picture_to_midi(source: Path, target: Path, wishes: Wishes) -> Outcome:
    return picture_to_midi(read_grey(source), target, wishes)


def _picture_to_sound(source: Path, target: Path, wishes: Wishes) -> Outcome:
    return picture_to_sound(read_grey(source), target, wishes)


WAYS: Mapping[tuple[str, str], Way] = {
    ("sound", "sound"): Way(sound_to_sound, ("form", "rate", "bits")),
    ("sound", "archive"): Way(sound_to_archive, ("form", "rate", "bits", "window", "hop", "bands")),
    ("archive of sound", "sound"): Way(archive_to_sound, ("bits", "iterations")),
    ("sound", "picture"): Way(sound_to_picture, ("rate", "window", "hop")),
    ("picture of sound", "sound"): Way(_picture_to_sound, ("bits", "iterations")),
    ("sound", "MIDI"): Way(sound_to_midi, ()),
    ("MIDI", "sound"): Way(midi_to_sound, ("rate", "bits", "soundfont")),
    ("MIDI", "archive"): Way(midi_to_archive, ("form", "frames")),
    ("archive of notes", "MIDI"): Way(_archive_to_midi, ()),
    ("MIDI", "picture"): Way(midi_to_picture, ("frames",)),
    ("picture of notes", "MIDI"): Way(_picture_to_midi, ()),
    ("MIDI", "ABC"): Way(midi_to_abc, ("grid", "channel")),
    ("ABC", "MIDI"): Way(abc_to_midi, ("tune", "tempo")),
    ("ABC", "sound"): Way(abc_to_sound, ("tune", "tempo", "rate", "bits", "soundfont")),
}
"""All the ways there are, from what is read to what is written."""


def _check(source: Path, target: Path, force: bool) -> None:
    """Refuse files that cannot be read, or written."""
    try:
        check_file(source)
    except DataError as error:
        raise DataError(f"cannot convert {source}: {error}") from error
    check_writable(target)
    if target.exists() and target.samefile(source):
        raise DataError(f"{target} is the file that is read: give another name for what is written")
    if target.exists() and not force:
        raise DataError(f"{target} is there already: --force replaces it")


def _kind(source: Path) -> str:
    """Tell what a file holds."""
    try:
        if source.suffix.lower() == ARCHIVE:
            return _kind_of_archive(read_archive(source).kind)
        if source.suffix.lower() == PICTURE:
            return _kind_of_picture(read_grey(source).meaning.get("kind"))
    except DataError as error:
        raise DataError(f"cannot convert {source}: {error}") from error
    return kind_of(source)


def _kind_of_archive(kind: str) -> str:
    if kind in SOUNDS or kind in SCORES:
        return "archive of sound" if kind in SOUNDS else "archive of notes"
    raise DataError(f"it holds {kind!r}, which is none of typica's representations")


def _kind_of_picture(kind: object) -> str:
    kinds = {MAGNITUDES: "picture of sound", ROLL: "picture of notes"}
    if kind in kinds:
        return kinds[str(kind)]
    raise DataError(f"it shows {kind!r}, which is none of typica's pictures")


def _wanted(target: Path) -> str:
    """Tell what is to be written."""
    ending = target.suffix.lower()
    if ending in MIDI or ending in ABC:
        return "MIDI" if ending in MIDI else "ABC"
    if ending in (ARCHIVE, PICTURE):
        return "archive" if ending == ARCHIVE else "picture"
    if ending in FORMATS:
        return "sound"
    hint = "it can be read, not written; sound is written" if ending in MEDIA else "choose"
    raise ConfigError(
        f"{target.name} names no kind of file that is written: {hint} by the ending, one of "
        f"{', '.join(FORMATS)}, .mid, .abc, {ARCHIVE} and {PICTURE}"
    )


def _route(source: Path, target: Path, kind: str, wanted: str) -> str:
    """Tell the way there is where there is none in one step."""
    if wanted == kind or (wanted == "picture" and kind.startswith(wanted)):
        return f"{source} and {target} are both {wanted}: there is nothing to convert"
    steps = _steps(kind, wanted)
    places = [source, *(Path(source.with_suffix(BETWEEN[one]).name) for one in steps), target]
    commands = [f"typica convert {one} {other}" for one, other in pairwise(places)]
    way = " and ".join(steps)
    return f"from {kind} to {wanted} the way goes by {way}: {', then '.join(commands)}"


def _steps(kind: str, wanted: str) -> tuple[str, ...]:
    """Return the kinds between, as few as can be."""
    orders = [order for count in (1, 2) for order in permutations(BETWEEN, count)]
    return next(
        order for order in orders if all(pair in WAYS for pair in pairwise((kind, *order, wanted)))
    )
