"""Notes played by the synthesiser, as a source gives them."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from importlib.util import find_spec

import numpy as np

from typica.data.source import Sound
from typica.score.installed import package_folder
from typica.score.notes import Notes
from typica.score.synthesis import RATE, default_soundfont, render

_FORMAT = 1  # raised when the same notes would become another sound
_BLOCK = 1 << 16

NEEDS = "the packages of the extra scores: pip install 'typica[scores]'"
PACKAGES = ("pretty_midi", "midirenderer")


def are_installed(*packages: str) -> bool:
    """Tell whether packages are installed, without importing them."""
    return all(find_spec(package) is not None for package in packages)


def means() -> str:
    """Return a hash of all that makes sound of notes.

    Raises:
        MissingFeatureError: A package is not installed.
    """
    bank = default_soundfont().read_bytes()
    package_folder("midirenderer", needed_for="rendering notes")
    return digest(_FORMAT, bank, version("midirenderer"))


def digest(*parts: object) -> str:
    """Return a short hash of bytes, and of other things by how they are written."""
    told = hashlib.blake2b(digest_size=8)
    for part in parts:
        told.update(part if isinstance(part, bytes) else repr(part).encode())
    return told.hexdigest()


def play(notes: Notes, label: str | None = None, *, length_s: float | None = None) -> Sound:
    """Play notes, and give them with their sound.

    Args:
        notes: What to play.
        label: Name of its class.
        length_s: Length of the sound: it is cut, or followed by silence. As long as it rings if
            left out.

    Raises:
        DataError: It would be too loud; the message is the reason alone.
    """
    audio = render(notes)
    if length_s is not None:
        length = round(length_s * RATE)
        audio = np.pad(audio[:length], ((0, max(0, length - len(audio))), (0, 0)))
    blocks = [audio[at : at + _BLOCK] for at in range(0, len(audio), _BLOCK)]
    return Sound(RATE, blocks, label, notes=notes)
