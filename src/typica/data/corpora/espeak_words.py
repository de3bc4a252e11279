"""The ten digits by many artificial voices: a small SC09, spoken by eSpeak NG."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from typica.core.errors import DataError
from typica.data.audiofile import open_audio
from typica.data.source import Item, Sound, Source

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
ACCENTS = ("en-us", "en-gb", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-029")
VARIANTS = tuple(f"m{n}" for n in range(1, 8)) + tuple(f"f{n}" for n in range(1, 6))
SPEEDS = (130, 175)  # words a minute
_PROGRAM = "espeak-ng"
_BYTES = 40_000
_PATIENCE_S = 60


class EspeakWords(Source):
    """Each digit in each accent, variant and speed; a voice is an accent and a variant."""

    name = "espeak_words"
    licence = "the program: GPL-3 or later (eSpeak NG); what it says is not covered by it"
    made = (
        f"ten digits spoken by {len(ACCENTS) * len(VARIANTS)} artificial voices of eSpeak NG, "
        f"at {len(SPEEDS)} speeds"
    )
    needs = "the program espeak-ng: apt-get install espeak-ng"
    class_names = ("speaker",)
    minimum_s = 0.1

    @property
    def is_ready(self) -> bool:
        """Whether the program is installed."""
        return shutil.which(_PROGRAM) is not None

    def items(self) -> list[Item]:
        """List the words: WORD/VOICE-SPEED.

        Raises:
            DataError: The program is not installed, or does not run.
        """
        if not self.is_ready:
            raise DataError(f"{self.name} needs {self.needs}")
        version = _run("--version").decode(errors="replace").split("Data at")[0].strip()
        return [
            Item(f"{word}/{accent}+{variant}-{speed}", _BYTES, version)
            for word in WORDS
            for accent in ACCENTS
            for variant in VARIANTS
            for speed in SPEEDS
        ]

    def open(self, item: Item) -> Sound:
        """Speak a word; it is its label, and its voice stays in one split."""
        word, _, way = item.id.partition("/")
        voice, _, speed = way.rpartition("-")
        with tempfile.TemporaryDirectory(prefix="typica-") as folder:
            path = Path(folder) / "word.wav"
            _run("-v", voice, "-s", speed, "-w", str(path), word)
            audio = open_audio(path)
            blocks = list(audio.blocks)
        return Sound(audio.rate, blocks, word, group=voice, facts={"speaker": voice})


def _run(*arguments: str) -> bytes:
    try:
        done = subprocess.run(
            [_PROGRAM, *arguments], capture_output=True, timeout=_PATIENCE_S, check=True
        )
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip().splitlines()
        raise DataError(f"{_PROGRAM} failed: {said[-1] if said else error.returncode}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DataError(f"{_PROGRAM} cannot be run: {error}") from error
    return done.stdout
