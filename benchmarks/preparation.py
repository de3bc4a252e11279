"""Preparing FLAC into a corpus: speed against real time and against bare decoding, and memory.

    python benchmarks/preparation.py [--hours 4] [--folder /tmp/typica-preparation]

Makes (once) recordings of 44.1 kHz stereo FLAC, one of them of 30 minutes, the others of three,
then prepares an eighth of them and all of them to 16 kHz mono by the command line, in a fresh
process each. The limit is what `soundfile` takes to decode the same files and drop them. Memory
is the peak of what is resident, of the parent and of its largest worker. Linux only.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

RATE, SHORT_S, LONG_S = 44_100, 180, 1800
TARGET = 150  # times real time, on two cores
GROWTH = 1.15  # of memory, from an eighth of the recordings to all
WORKERS = 2


class Cost(NamedTuple):
    """What one preparation took."""

    wall_s: float
    cpu_s: float
    parent_mb: float
    worker_mb: float


def make(folder: Path, hours: float) -> list[Path]:
    """Write the recordings that are not there yet: the long one last."""
    folder.mkdir(parents=True, exist_ok=True)
    count = max(8, round((3600 * hours - LONG_S) / SHORT_S))
    files = [folder / f"{number:03d}.flac" for number in range(count)]
    music = _music()
    for number, file in enumerate(files):
        if not file.exists():
            _write(file, [np.roll(music, 7919 * number, axis=0)])
    long = folder / "long.flac"
    if not long.exists():
        turns = LONG_S // SHORT_S
        _write(long, [np.roll(music, -104_729 * turn, axis=0) for turn in range(turns)])
    return [*files, long]


def _music() -> np.ndarray:
    """Return three minutes of chords with noise, which FLAC packs about as well as music."""
    generator = np.random.default_rng(0)
    time_s = np.arange(SHORT_S * RATE, dtype=np.float32) / RATE
    audio = generator.normal(0, 0.003, (len(time_s), 2)).astype(np.float32)
    for beat in range(0, SHORT_S, 2):
        part = slice(beat * RATE, (beat + 2) * RATE)
        fading = np.exp(-2 * (time_s[part] - beat))
        for hertz in 110 * 2 ** (generator.integers(0, 36, 4) / 12):
            tone = 0.1 * fading * np.sin(2 * np.pi * hertz * time_s[part])
            audio[part] += tone[:, None] * generator.uniform(0.3, 1, 2).astype(np.float32)
    return audio


def _write(path: Path, pieces: list[np.ndarray]) -> None:
    aside = path.with_name("aside.flac")
    with soundfile.SoundFile(aside, "w", RATE, 2, "PCM_16") as file:
        for piece in pieces:
            file.write(piece)
    aside.rename(path)


def decode(files: list[Path]) -> float:
    """Return the CPU seconds that decoding alone takes."""
    began = time.process_time()
    for path in files:
        with soundfile.SoundFile(path) as file:
            block = np.empty((1 << 15, 2), np.float32)
            while len(file.read(out=block)):
                pass
    return time.process_time() - began


def prepare(folder: Path, out: Path) -> Cost:
    """Prepare a folder in a fresh process, watching it and its workers."""
    shutil.rmtree(out, ignore_errors=True)
    command = ["data", "prepare", str(folder), "-o", str(out), "--workers", str(WORKERS)]
    run = "import sys; from typica.cli import main; main(sys.argv[1:])"
    began, cpu = time.perf_counter(), os.times()
    process = subprocess.Popen(
        [sys.executable, "-c", run, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    peaks: dict[int, float] = {}
    while process.poll() is None:
        for pid in _tree(process.pid):
            peaks[pid] = max(peaks.get(pid, 0), _peak_mb(pid))
        time.sleep(0.02)
    wall, after = time.perf_counter() - began, os.times()
    if process.returncode:
        raise SystemExit(f"preparing failed with status {process.returncode}")
    spent = after.children_user + after.children_system
    spent -= cpu.children_user + cpu.children_system
    return Cost(wall, spent, peaks.pop(process.pid), max(peaks.values()))


def _tree(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return [pid]
    return [pid, *(one for child in children for one in _tree(int(child)))]


def _peak_mb(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    lines = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(lines[0].split()[1]) / 1024 if lines else 0.0


def main() -> int:
    """Print speed and memory; 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=float, default=4.0)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/typica-preparation"))
    options = parser.parse_args()
    files = make(options.folder / "all", options.hours)
    part = options.folder / "eighth"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    for file in files[: len(files) // 8]:
        os.link(file, part / file.name)

    small = prepare(part, options.folder / "out-eighth")
    large = prepare(options.folder / "all", options.folder / "out-all")
    seconds = sum(soundfile.info(file).duration for file in files)
    limit = decode(files)

    speed, possible = seconds / large.wall_s, seconds * WORKERS / large.cpu_s
    growth = (large.parent_mb + large.worker_mb) / (small.parent_mb + small.worker_mb)
    size = sum(file.stat().st_size for file in files)
    print(f"recordings    {seconds / 3600:.2f} h of FLAC, {size / seconds / 1000:.0f} kB a second")
    print(f"wall          {large.wall_s:.1f} s: {speed:.0f} times real time; target {TARGET}")
    print(f"CPU           {large.cpu_s:.1f} s: {possible:.0f} times on {WORKERS} idle cores")
    print(f"limit         {limit:.1f} s of CPU to decode alone: {limit / large.cpu_s:.0%} of ours")
    for name, cost in (("an eighth", small), ("all", large)):
        print(f"{name:<13} parent {cost.parent_mb:.0f} MB, largest worker {cost.worker_mb:.0f} MB")
    print(f"memory        {growth:.2f} times for 8 times the recordings; at most {GROWTH}")
    return int(speed < TARGET or growth > GROWTH)


if __name__ == "__main__":
    sys.exit(main())
