"""Sound files as they are stored: by which coding, and written block by block in another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from typica.core.errors import ConfigError, DataError, did_you_mean
from typica.core.files import replacing
from typica.data.audiofile import MEDIA
from typica.signal.samples import clipped, from_samples, to_samples

FORMATS = {
    ".wav": "WAV", ".wave": "WAV", ".w64": "W64", ".rf64": "RF64",
    ".aif": "AIFF", ".aiff": "AIFF", ".aifc": "AIFF", ".au": "AU", ".snd": "AU", ".caf": "CAF",
    ".flac": "FLAC", ".ogg": "OGG", ".oga": "OGG", ".opus": "OGG", ".mp3": "MP3",
}  # fmt: skip
"""Names of libsndfile for what can be written, by the endings of files."""

_LOSSY = {".ogg": "VORBIS", ".oga": "VORBIS", ".opus": "OPUS", ".mp3": "MPEG_LAYER_III"}
_BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}
_SAMPLES = (*_BITS, "FLOAT", "DOUBLE", "ULAW", "ALAW")
_OPUS_RATES = (8000, 12000, 16000, 24000, 48000)


@dataclass(frozen=True)
class Coding:
    """How the samples of a sound file are stored.

    Attributes:
        name: By libsndfile, as in "PCM_16"; empty where it does not know the file.
    """

    name: str

    @property
    def bits(self) -> int | None:
        """Bits of whole numbers; None where samples are stored otherwise."""
        return _BITS.get(self.name)

    @property
    def words(self) -> str:
        """As a musician says it."""
        names = {"FLOAT": "32-bit floats", "DOUBLE": "64-bit floats", "ULAW": "8-bit mu-law"}
        names |= {"VORBIS": "Vorbis", "OPUS": "Opus", "MPEG_LAYER_III": "MP3", "ALAW": "A-law"}
        return f"{self.bits}-bit samples" if self.bits else names.get(self.name, self.name)

    @property
    def is_read_whole(self) -> bool:
        """Whether the 32-bit floats that a file is read as hold all that is in it."""
        return self.name not in ("PCM_32", "DOUBLE")

    def heard(self, audio: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """Return what becomes of amplitudes; None for codings that hear more than one sample."""
        if self.bits is not None:
            return from_samples(to_samples(audio, self.bits), self.bits)
        return audio if self.name in ("FLOAT", "DOUBLE") else None


def coding_of(path: Path) -> Coding:
    """Tell how a sound file is stored."""
    try:
        return Coding("" if path.suffix.lower() in MEDIA else soundfile.info(str(path)).subtype)
    except (soundfile.SoundFileError, OSError):
        return Coding("")


def coding_for(
    path: Path, *, bits: int | None = None, kind: str | None = None, like: Coding | None = None
) -> Coding:
    """Return how a file of a name is to be stored.

    Args:
        path: The file; its ending says the format.
        bits: Of whole numbers, where they were asked for.
        kind: "pcm", "mulaw" or "float", where it was asked for.
        like: The coding that is followed where nothing was asked for and the format has it;
            else whole numbers of 16 bits, 24 where it has more.

    Raises:
        ConfigError: There is no such format, or it has no such coding.
    """
    ending = path.suffix.lower()
    if ending not in FORMATS:
        raise ConfigError(
            f"sound is not written to {ending or 'files without an ending'}: "
            f"{did_you_mean(ending, FORMATS)}"
        )
    if ending in _LOSSY:
        if bits or kind:
            raise ConfigError(f"{ending} has one coding alone: leave out --bits and --as")
        return Coding(_LOSSY[ending])
    asked = _asked(ending, bits, kind)
    return asked or _follow(ending, like)


def _asked(ending: str, bits: int | None, kind: str | None) -> Coding | None:
    if kind in ("mulaw", "float") and bits is not None:
        raise ConfigError(f"--bits is of whole numbers: leave it out with --as {kind}")
    if kind == "pcm" and bits is None:
        bits = 16
    name = {"mulaw": "ULAW", "float": "FLOAT"}.get(kind or "", "")
    if bits is not None:
        names = [name for name, width in _BITS.items() if width == bits]
        name = next((one for one in names if _has(ending, one)), f"{bits} bits")
    if name and not _has(ending, name):
        have = [one for one in (*_BITS, "FLOAT", "ULAW") if _has(ending, one)]
        words = sorted({Coding(one).words for one in have}, key=lambda one: (len(one), one))
        raise ConfigError(f"{ending} has no {Coding(name).words}: it has {', '.join(words)}")
    return Coding(name) if name else None


def _follow(ending: str, like: Coding | None) -> Coding:
    if like is not None and like.name in _SAMPLES and _has(ending, like.name):
        return like
    if like is not None and like.bits == 8:
        return next(Coding(one) for one in ("PCM_U8", "PCM_S8", "PCM_16") if _has(ending, one))
    finer = like is not None and ((like.bits or 0) > 16 or like.name in ("FLOAT", "DOUBLE"))
    return Coding("PCM_24" if finer else "PCM_16")


def _has(ending: str, name: str) -> bool:
    return bool(name) and soundfile.check_format(FORMATS[ending], name)


@dataclass
class Account:
    """What happened to samples on their way into a file.

    Attributes:
        samples: In each channel.
        clipped: Values beyond full scale, over all channels, that the file could not hold.
        power: Sum of their squares.
        error: Sum of the squares of what became of them less what they were; None where the
            coding does not say it sample by sample.
    """

    samples: int = 0
    clipped: int = 0
    power: float = 0.0
    error: float | None = 0.0

    @property
    def ratio_db(self) -> float | None:
        """Signal-to-noise ratio in decibels; None where it is infinite or not known."""
        if not self.error:
            return None
        return float(10 * np.log10(self.power / self.error)) if self.power else None

    def add(self, audio: NDArray[np.float32], coding: Coding) -> None:
        """Take account of a block (frames, channels)."""
        self.samples += len(audio)
        self.power += float(np.sum(np.square(audio, dtype=np.float64)))
        heard = coding.heard(audio)
        if coding.name not in ("FLOAT", "DOUBLE"):
            self.clipped += clipped(audio)
        if heard is None:
            self.error = None
        elif self.error is not None:
            self.error += float(np.sum(np.square(heard - audio.astype(np.float64))))


def write_sound(
    path: Path, blocks: Iterable[NDArray[np.float32]], *, rate: int, channels: int, coding: Coding
) -> Account:
    """Write a sound file of blocks (frames, channels), whole or not at all.

    Whole numbers are rounded to the nearest; memory does not grow with time.

    Raises:
        ConfigError: The format has no such rate or so many channels.
        DataError: A value is no finite number, or there are no samples.
        DiskError: It cannot be written.
    """
    format_ = FORMATS[path.suffix.lower()]
    if coding.name == "OPUS" and rate not in _OPUS_RATES:
        rates = ", ".join(map(str, _OPUS_RATES))
        raise ConfigError(f"Opus has no rate of {rate} Hz: give --rate one of {rates}")
    account = Account()
    with replacing(path) as place:
        try:
            file = soundfile.SoundFile(
                place, "w", samplerate=rate, channels=channels, format=format_, subtype=coding.name
            )
        except soundfile.SoundFileError as error:
            raise ConfigError(
                f"{path.suffix} cannot hold {channels} channels at {rate} Hz as {coding.words}"
            ) from error
        with file:
            for block in _checked(blocks):
                account.add(block, coding)
                file.write(_for_file(block, coding))
        if not account.samples:
            raise DataError("holds no samples")
    return account


def _checked(blocks: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    for block in blocks:
        if not np.isfinite(block).all():
            raise DataError("holds values that are not finite numbers")
        if len(block):
            yield block


def _for_file(block: NDArray[np.float32], coding: Coding) -> Any:
    """Return what libsndfile stores as it is: it scales floats otherwise than it reads them."""
    if coding.bits is not None:
        # Whole numbers of 32 bits, of which a file takes the upper ones.
        return to_samples(block, coding.bits) << 32 - coding.bits
    if coding.name in ("ULAW", "ALAW"):
        return to_samples(block, 16).astype(np.int16)
    return np.clip(block, -1, 1) if coding.name not in ("FLOAT", "DOUBLE") else block
