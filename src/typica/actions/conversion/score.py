"""Notes from one file to another: MIDI, tunes as ABC, archives and pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from typica.actions.conversion.account import Outcome, Wishes, count, listed
from typica.actions.conversion.room import check_fits
from typica.core.errors import ConfigError, DataError
from typica.core.files import replacing
from typica.data.archive import Archive, write_archive
from typica.data.reading import read_abc
from typica.images.grey import Grey, write_grey
from typica.score.abc.books import Typed
from typica.score.abc.cleaning import clean
from typica.score.abc.playing import played
from typica.score.abc.tempo import quarters_per_minute
from typica.score.abc.writing import Setting, Tone, written
from typica.score.controls import Controls, Performance
from typica.score.difference import Difference, difference
from typica.score.midi import decode_midi, decode_performance, encode_midi
from typica.score.midi_events import Signs, read_signs
from typica.score.notes import Notes
from typica.score.pedal import sustained
from typica.score.picture import FRAMES_PER_S, RollPicture
from typica.score.representations import REPRESENTATIONS, Roll, ScoreRepresentation
from typica.score.roll import PITCHES

ROLL = "piano roll"
TEMPO = "quarters_per_minute"
_USUAL_TEMPO = 120.0
# A tick is a 48000th of a second at 120 quarters a minute: frames and steps fall on ticks.
_TICKS = 24_000
_INSTANT_S = 1e-9  # what the last bits of times are worth
_COUNTED = ("frames_per_s", "steps_per_s")
_CELL = 16  # bytes for each pitch of a frame: three rolls, and what is made on the way


class Played(NamedTuple):
    """A MIDI file as it was read."""

    performance: Performance
    signs: Signs

    @property
    def tempo(self) -> float:
        """The last of the tempi set before anything sounds, in quarters a minute."""
        first_s = float(self.performance.notes.onset_s.min(initial=np.inf))
        row = int(np.searchsorted(self.signs.second, min(first_s, 1e9), side="right")) - 1
        return float(60 * self.signs.quarters_per_s[row])

    @property
    def unread(self) -> list[str]:
        """What the file says that no converter reads, in words."""
        signs = self.signs
        tempi = len(set(signs.quarters_per_s[1:].tolist()))
        parts = ["changes of tempo (the times themselves are kept)"] * (tempi > 1)
        parts += [f"{signs.words} names and words"] * (signs.words > 0)
        return [*parts, *[f"{signs.bends} pitch bends and pressures"] * (signs.bends > 0)]


def read_midi(source: Path) -> Played:
    """Read a MIDI file.

    Raises:
        DataError: It cannot be read; the message is the reason alone.
    """
    data = source.read_bytes()
    return Played(decode_performance(data), read_signs(data))


def write_midi(path: Path, notes: Notes, *, tempo: float, changes: Controls | None = None) -> bytes:
    """Write a MIDI file, whole or not at all, and return its bytes."""
    data = encode_midi(notes, quarters_per_minute=tempo, ticks_per_quarter=_TICKS, changes=changes)
    with replacing(path) as place:
        place.write_bytes(data)
    return data


def midi_to_archive(source: Path, target: Path, wishes: Wishes) -> Outcome:
    """Encode a MIDI file."""
    read = read_midi(source)
    kind = REPRESENTATIONS[wishes.chosen(tuple(REPRESENTATIONS), "notes")]
    one = kind(**_settings(kind, wishes))
    if isinstance(one, Roll):
        _check_frames(read, one.frames_per_s, _CELL * PITCHES)
    arrays = one.encode(read.performance)
    parameters = {field.name: getattr(one, field.name) for field in fields(one)}  # type: ignore[arg-type]
    write_archive(target, Archive(kind.kind, {**parameters, TEMPO: read.tempo}, arrays))
    back = one.decode(arrays).notes
    notes = read.performance.notes if one.keeps_controls else sustained(read.performance)
    lost = [] if one.keeps_controls else _pedals(read)
    return _told(notes, back, one.step_s, [*lost, *read.unread], one.lost)


def _settings(kind: type[ScoreRepresentation], wishes: Wishes) -> dict[str, Any]:
    names = {field.name for field in fields(kind)} & set(_COUNTED)  # type: ignore[arg-type]
    if wishes.frames is not None and not names:
        raise ConfigError(
            f"--frames means nothing with --as {kind.kind}: its times are not rounded"
        )
    return {} if wishes.frames is None else dict.fromkeys(names, wishes.frames)


def _check_frames(read: Played, frames_per_s: float, bytes_each: int) -> None:
    """Refuse so many frames that they would not fit into memory."""
    last_s = read.performance.notes.duration_s
    mend = f"its last note ends at {last_s:.0f} s; take fewer --frames"
    check_fits(bytes_each * frames_per_s * last_s, "frames", mend)


def _pedals(read: Played) -> list[str]:
    """Tell what becomes of pedals where notes alone are kept."""
    number = len(read.performance.controls)
    what = f"{count(number, 'control change')} (sustain pedals are told by longer notes)"
    return [what] * (number > 0)


def _told(
    before: Notes, after: Notes, step_s: float, lost: list[str], voices: str = "channels"
) -> Outcome:
    """Tell how notes differ from what became of them.

    Args:
        before: What there was.
        after: What comes back.
        step_s: To what times are rounded.
        lost: What else is lost, in words.
        voices: What is lost of voices, if some note's came back as another.
    """
    found = difference(before, after, tolerance_s=1.01 * step_s + _INSTANT_S)
    lost = [*lost, *[voices] * (found.voices > 0)]
    if found.missing:
        lost.append(f"{found.missing} of {count(found.notes, 'note')}, covered by others")
    if found.added:
        lost.append(f"what is one note ({found.added} come back in pieces)")
    # An end that moved further than a step was that of another note.
    if found.offset_s > 1.01 * step_s + _INSTANT_S:
        lost.append(f"the ends of some notes (by {found.offset_s:.3g} s at most)")
    kept = f"{count(found.notes - found.missing, 'note')} {_within(found, step_s)}"
    if not lost:
        return Outcome(True, f"nothing is lost: {kept}", found._asdict())
    return Outcome(False, f"lost: {listed(lost)}; kept are {kept}", found._asdict())


def _within(found: Difference, step_s: float) -> str:
    """Tell how near notes come back."""
    moved_s = max(found.onset_s, min(found.offset_s, step_s))
    if moved_s < _INSTANT_S and not found.velocity:
        return "to the last bit"
    parts = [f"times within {1000 * moved_s:.2g} ms"] * (moved_s >= _INSTANT_S)
    parts += [f"velocities within {found.velocity}"] * (found.velocity > 0)
    return f"with {listed(parts)}"


def midi_to_picture(source: Path, target: Path, wishes: Wishes) -> Outcome:
    """Draw the piano roll of a MIDI file."""
    read = read_midi(source)
    notes = sustained(read.performance)
    picture = RollPicture.of(notes, frames_per_s=wishes.frames or FRAMES_PER_S)
    _check_frames(read, picture.frames_per_s, 2 * picture.rows * len(picture.voices))
    levels = picture.draw(notes)
    meaning = {field.name: getattr(picture, field.name) for field in fields(picture)}
    title = (
        f"{source.name}: time to the right, {picture.frames_per_s:g} columns a second; pitches "
        f"{picture.lowest} to {picture.highest} upwards, {picture.thickness} rows each; bright "
        f"where struck; {count(len(picture.voices), 'voice')} from top to bottom"
    )
    write_grey(target, levels, {"kind": ROLL, TEMPO: read.tempo, **meaning}, title)
    return _told(
        notes, picture.read(levels), 1 / picture.frames_per_s, [*_pedals(read), *read.unread]
    )


def picture_to_midi(grey: Grey, target: Path, wishes: Wishes) -> Outcome:
    """Read the notes of a piano roll.

    Raises:
        DataError: The picture is not what its text says, or shows no notes.
    """
    try:
        voices = tuple(tuple(voice) for voice in grey.meaning["voices"])
        names = ("frames_per_s", "lowest", "highest", "thickness")
        picture = RollPicture(voices=voices, **{name: grey.meaning[name] for name in names})
    except (KeyError, TypeError, ValueError) as error:
        raise DataError("its text does not tell voices, pitches and frames of notes") from error
    notes = picture.read(grey.levels)
    return _written(target, notes, None, _tempo(grey.meaning))


def archive_to_midi(archive: Archive, target: Path) -> Outcome:
    """Decode an archive of notes.

    Raises:
        DataError: It holds none, or not what its representation has.
    """
    settings = {name: value for name, value in archive.parameters.items() if name != TEMPO}
    try:
        performance = REPRESENTATIONS[archive.kind](**settings).decode(archive.arrays)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DataError(f"its arrays are not those of {archive.kind}") from error
    return _written(target, performance.notes, performance.controls, _tempo(archive.parameters))


def _tempo(told: Mapping[str, Any]) -> float:
    tempo = told.get(TEMPO, _USUAL_TEMPO)
    return float(tempo) if isinstance(tempo, int | float) and 4 <= tempo <= 1000 else _USUAL_TEMPO


def _written(target: Path, notes: Notes, controls: Controls | None, tempo: float) -> Outcome:
    """Write notes as MIDI, and tell what a MIDI file cannot hold of them."""
    if not len(notes):
        raise DataError("it holds no notes")
    data = write_midi(target, notes, tempo=tempo, changes=controls)
    tick_s = 60 / tempo / _TICKS
    return _told(notes, decode_midi(data), tick_s, [])


def abc_to_midi(source: Path, target: Path, wishes: Wishes) -> Outcome:
    """Play a tune into a MIDI file."""
    tune = choose_tune(source, wishes.tune)
    tempo = tempo_of(tune, wishes)
    notes = play_tune(tune, tempo)
    data = encode_midi(notes, quarters_per_minute=tempo)
    with replacing(target) as place:
        place.write_bytes(data)
    found = difference(notes, decode_midi(data), tolerance_s=0.01)
    kept = f"{count(found.notes - found.missing, 'note')} at {tempo:.4g} quarters a minute are kept"
    figures = {"notes": found.notes, "missing": found.missing, TEMPO: tempo}
    return Outcome(False, f"lost: {NOT_PLAYED}; {kept}", figures)


NOT_PLAYED = (
    "bars, key, metre and spelling, titles and words, chord symbols, ornaments, slurs and ties "
    "(tied notes are struck again)"
)


def choose_tune(source: Path, number: int | None) -> Typed:
    """Return a tune of an ABC file, counted from 1; the only one where no number is given.

    Raises:
        ConfigError: There are several, or not so many.
    """
    tunes = read_abc(source)
    if number is None and len(tunes) > 1:
        raise ConfigError(f"{source} holds {len(tunes)} tunes: choose one by --tune, from 1 on")
    if number is not None and not 1 <= number <= len(tunes):
        raise ConfigError(f"{source} holds {count(len(tunes), 'tune')}, no tune {number}")
    return tunes[(number or 1) - 1]


def tempo_of(tune: Typed, wishes: Wishes) -> float:
    """Return the tempo asked for, else the tune's own, else the usual one."""
    if wishes.tempo is not None:
        tempo = wishes.tempo
    else:
        unit = next(token for token in clean(tune).tokens if token.startswith("L:"))
        tempo = quarters_per_minute(tune.fields.get("Q", ""), Fraction(unit[2:]))
    if not 4 <= tempo <= 1000:
        raise ConfigError(f"a tempo lies within 4 and 1000 quarters a minute; got {tempo:g}")
    return tempo


def play_tune(tune: Typed, tempo: float) -> Notes:
    """Return the notes of a tune with its repeats.

    Raises:
        DataError: It cannot be read, or holds no notes; the message is the reason alone.
    """
    return played(clean(tune).tokens, quarters_per_minute=tempo)


def midi_to_abc(source: Path, target: Path, wishes: Wishes) -> Outcome:
    """Write a voice of a MIDI file as a tune, on a grid of equal steps."""
    read = read_midi(source)
    notes = _voice(read.performance.notes, wishes.channel)
    grid = wishes.grid or 4
    if not 1 <= grid <= 48:
        raise ConfigError(f"--grid lies within 1 and 48 steps a quarter; got {grid}")
    onset, offset = (
        read.signs.quarters(time_s) * grid for time_s in (notes.onset_s, notes.offset_s)
    )
    start = np.rint(onset).astype(int)
    stop = np.maximum(np.rint(offset).astype(int), start + 1)
    moved = max(np.abs(start - onset).max(), np.abs(stop - offset).max()) / grid
    _check_melody(notes, start, stop)
    tones = [
        Tone(*row) for row in zip(notes.pitch.tolist(), start.tolist(), stop.tolist(), strict=True)
    ]
    setting = Setting(grid, read.signs.metre or (4, 4), read.signs.sharps, read.tempo, source.stem)
    with replacing(target) as place:
        place.write_text(written(tones, setting), encoding="utf-8")
    lost = [
        f"what is finer than a grid of {count(grid, 'step')} a quarter (times moved by {moved:.2f} "
        f"quarters at most)",
        "velocities, instruments and pedals",
    ]
    others = len(read.performance.notes) - len(notes)
    lost += [f"{count(others, 'note')} of other channels"] * (others > 0) + read.unread
    return Outcome(
        False, f"lost: {listed(lost)}", {"notes": len(notes), "moved_quarters": float(moved)}
    )


def _voice(notes: Notes, channel: int | None) -> Notes:
    """Return the notes of a channel; of all where there is one alone."""
    channels = sorted(set(notes.channel.tolist()))
    if not channels:
        raise DataError("it holds no notes")
    shown = ", ".join(map(str, channels))
    if channel is None and len(channels) > 1:
        raise ConfigError(f"a tune is one voice, and there are several: --channel one of {shown}")
    if channel is not None and channel not in channels:
        raise ConfigError(f"there is no channel {channel}: --channel one of {shown}")
    rows = notes.channel == (channels[0] if channel is None else channel)
    columns = {field.name: getattr(notes, field.name)[rows] for field in fields(notes)}
    return Notes(**columns).in_order()


def _check_melody(notes: Notes, start: Any, stop: Any) -> None:
    together = np.flatnonzero(stop[:-1] > start[1:])
    if together.size:
        row = int(together[0])
        raise DataError(
            f"a tune is one voice, and at {notes.onset_s[row + 1]:.2f} s two notes sound at once "
            f"({notes.pitch[row]} and {notes.pitch[row + 1]}; {len(together)} such places): choose "
            f"a channel that plays one note at a time, or a finer --grid"
        )
