"""Putting kept clips together: tracks, the whole album in one file, and a cue sheet."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray

from typica.actions.album.clips import kept_clips
from typica.actions.album.project import CLIPS, EXPORT, Project, open_project
from typica.core.errors import ConfigError, DataError, RunError
from typica.core.files import DiskError, replacing, write_json
from typica.evaluation.curation import Choice, Clip, Curation, place, read_curation
from typica.streaming.crossfade import crossfade, crossfade_gains

FRAMES = 75  # of a second, in which cue sheets count
TRACKS = "tracks.json"
LONGEST = 200  # bytes of a name, to which a number and an ending come

Samples = NDArray[np.float32]


class Track(NamedTuple):
    """A track of an album.

    Attributes:
        number: From 1.
        title: Its name.
        file: Of its sound.
        clip: What it is.
        start: Its first sample in the whole album, where it begins to be heard.
    """

    number: int
    title: str
    file: str
    clip: Clip
    start: int


class Exported(NamedTuple):
    """An album that was put together.

    Attributes:
        folder: Where it is.
        tracks: In order.
        seconds: Of the whole.
    """

    folder: Path
    tracks: list[Track]
    seconds: float


def export(album: Path, *, best: int | None = None, curation: Path | None = None) -> Exported:
    """Put the clips that were kept together, in their order.

    Args:
        album: The album's folder.
        best: Take so many clips, the best by the rules, whatever was chosen.
        curation: What was chosen, where it is not in the album's folder: a page that is opened
            as a file lets one download it.

    Raises:
        RunError: There is no album or no clip, or the folder holds what is no part of an export.
        ConfigError: Nothing was kept.
        DataError: What was chosen cannot be read, or a clip is not there any more.
        DiskError: The disk is full.
    """
    project = open_project(album)
    clips = {one.name: one for one in kept_clips(album / CLIPS)}
    if not clips:
        raise RunError(f"{album} has no clips yet: draw them by {_typica('album', album)}")
    _check_ours(album / EXPORT)
    chosen = _chosen(project, list(clips.values()), best, curation)
    gone = [name for name in chosen.kept if name not in clips]
    if gone:
        raise DataError(f"{gone[0]} was kept and is not there any more: draw the clips again")
    tracks = _tracks(chosen, [clips[name] for name in chosen.kept])
    title = chosen.title.strip() or project.run
    whole = whole_file(title, [track.file for track in tracks])
    with replacing(album / EXPORT) as folder:
        folder.mkdir()
        try:
            length = _write(folder, album / CLIPS, tracks, chosen, whole)
        except soundfile.SoundFileError as error:  # which is all it says of a disk that is full
            raise DiskError(
                f"cannot write {album / EXPORT}: is there room on the disk? nothing that was there "
                f"is lost"
            ) from error
        seconds = length / tracks[0].clip.rate
        cue = folder / Path(whole).with_suffix(".cue")
        cue.write_text(cue_sheet(title, whole, tracks), encoding="utf-8")
        told = {"title": title, "file": whole, "cue": cue.name, "seconds": seconds}
        write_json(folder / TRACKS, told | _told(project, chosen, tracks))
    return Exported(album / EXPORT, tracks, seconds)


def fades(lengths: Sequence[int], rate: int, curation: Curation) -> list[int]:
    """Return by how many samples each track overlaps with the one before; below 0 it is a gap.

    No more than half of a track is faded at either end, so that two fades never meet.
    """
    if not lengths:
        return []
    wanted = round(curation.seconds * rate)
    if curation.join == "gap":
        return [0, *(-wanted for _ in lengths[1:])]
    pairs = zip(lengths, lengths[1:], strict=False)
    return [0, *(min(wanted, before // 2, own // 2) for before, own in pairs)]


def joined(sounds: Iterator[Samples], overlaps: Sequence[int]) -> Iterator[Samples]:
    """Yield sounds one after the other, (samples,) each, with equal-power crossfades or gaps.

    Of all of them no more than two are held.
    """
    held: Samples = np.zeros(0, np.float32)
    for number, (sound, overlap) in enumerate(zip(sounds, overlaps, strict=True)):
        if overlap > 0:
            yield held[:-overlap]
            held = crossfade(held[-overlap:], sound, crossfade_gains(overlap))
            continue
        yield held
        if number:
            yield np.zeros(-overlap, np.float32)
        held = sound
    yield held


def _check_ours(folder: Path) -> None:
    """Refuse to put an export in the place of what somebody else has put there."""
    if not folder.exists():
        return
    try:
        told = json.loads((folder / TRACKS).read_text("utf-8"))
        ours = {TRACKS, told["file"], told["cue"], *(track["file"] for track in told["tracks"])}
    except (OSError, ValueError, KeyError, TypeError):
        ours = set()
    for name in sorted({path.name for path in folder.iterdir()} - ours):
        raise RunError(
            f"{folder / name} was not put there by an export, which takes the place of that "
            f"folder: move it elsewhere first"
        )


def _chosen(
    project: Project, clips: Sequence[Clip], best: int | None, file: Path | None
) -> Curation:
    found = (_read(file) if file else read_curation(project.path)) or Curation()
    if best is not None:
        names = [one.clip.name for one in place(clips)[:best]]
        kept = {name: replace(found.clips.get(name, Choice()), verdict="keep") for name in names}
        found = replace(found, order=tuple(names), clips=kept)
    if not found.kept:
        raise ConfigError(
            f"no clip was kept: choose by {_typica('album', project.path, '--curate')}, or take "
            f"the best by the rules with --best 8"
        )
    return found


def _read(file: Path) -> Curation:
    try:
        return Curation.from_json(json.loads(file.read_text("utf-8")))
    except OSError as error:
        raise DataError(f"cannot read {file}: {(error.strerror or str(error)).lower()}") from error
    except (ValueError, DataError) as error:
        raise DataError(f"cannot use {file}: {error}") from error


def _tracks(chosen: Curation, clips: Sequence[Clip]) -> list[Track]:
    overlaps = fades([one.samples for one in clips], clips[0].rate, chosen)
    tracks, end = [], 0
    for number, (clip, overlap) in enumerate(zip(clips, overlaps, strict=True), start=1):
        title = chosen.clips[clip.name].title.strip() or clip.name
        file = f"{number:02d} {file_name(title)}.wav"
        tracks.append(Track(number, title, file, clip, end - overlap))
        end += clip.samples - overlap
    return tracks


def _write(folder: Path, clips: Path, tracks: Sequence[Track], chosen: Curation, whole: str) -> int:
    """Write the tracks by themselves and the whole album; return the samples of the whole."""
    rate = tracks[0].clip.rate
    for track in tracks:
        shutil.copyfile(clips / f"{track.clip.name}.wav", folder / track.file)
    sounds = (_sound(folder / track.file) for track in tracks)
    overlaps = fades([track.clip.samples for track in tracks], rate, chosen)
    with soundfile.SoundFile(folder / whole, "w", rate, 1, "PCM_16") as file:
        for part in joined(sounds, overlaps):
            file.write(part)
        return int(file.tell())


def _sound(path: Path) -> Samples:
    audio, _ = soundfile.read(path, dtype="float32")
    return audio


def file_name(title: str) -> str:
    """Return a title as a file may be called everywhere, without an ending."""
    kept = " ".join(re.sub(r"[^\w\s().,'&+-]", "", title, flags=re.UNICODE).split())
    # Names are limited in bytes, of which a letter may take four.
    short = kept.strip(". ")[:80].encode()[:LONGEST].decode(errors="ignore")
    return short.strip(". ") or "untitled"


def whole_file(title: str, others: Sequence[str]) -> str:
    """Return how the file of the whole album is called, unlike those of its tracks."""
    name = file_name(title)
    taken = {other.casefold() for other in others}
    return f"{name} (album).wav" if f"{name}.wav".casefold() in taken else f"{name}.wav"


def cue_sheet(title: str, file: str, tracks: Sequence[Track]) -> str:
    """Return a cue sheet for the file of the whole album, with the seed of each track."""
    lines = [f'TITLE "{_quoted(title)}"', f'FILE "{file}" WAVE']
    for track in tracks:
        lines += [
            f"  TRACK {track.number:02d} AUDIO",
            f'    TITLE "{_quoted(track.title)}"',
            f"    REM SEED {track.clip.seed}",
            f"    INDEX 01 {_time(track.start / track.clip.rate)}",
        ]
    return "\n".join(lines) + "\n"


def _time(seconds: float) -> str:
    """Write a time as minutes, seconds and frames, of which there are 75 in a second."""
    frames = round(seconds * FRAMES)
    return f"{frames // FRAMES // 60:02d}:{frames // FRAMES % 60:02d}:{frames % FRAMES:02d}"


def _quoted(text: str) -> str:
    return " ".join(text.replace('"', "'").split())


def _told(project: Project, chosen: Curation, tracks: Sequence[Track]) -> dict[str, Any]:
    """Return what a program may want to know, and how each track is drawn again."""
    path = str(project.done["audition"]["path"])
    return {
        "join": chosen.join,
        "join_seconds": chosen.seconds,
        "checkpoint": path,
        "recordings": project.settings.folder,
        "licence": project.settings.licence or "unknown",
        "tracks": [
            {
                "number": track.number,
                "title": track.title,
                "note": chosen.clips[track.clip.name].note,
                "file": track.file,
                "seed": track.clip.seed,
                "start_s": track.start / track.clip.rate,
                "seconds": track.clip.seconds,
                "copied": track.clip.stream.copied,
                "command": _command(path, track.clip),
            }
            for track in tracks
        ],
    }


def _command(path: str, clip: Clip) -> str:
    return _typica("sample", path, "--seconds", repr(clip.seconds), "--seed", clip.seed)


def _typica(*words: object) -> str:
    return shlex.join(["typica", *map(str, words)])
