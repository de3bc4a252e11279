"""Sound to a representation in an npz file, and back."""

from __future__ import annotations

import inspect
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from typica.actions.conversion.account import Outcome, Wishes, count, in_decibels, listed
from typica.actions.conversion.room import check_fits
from typica.actions.conversion.sound import figures_of, hear, rounded
from typica.core.errors import ConfigError, DataError, TypicaError
from typica.data.archive import Archive, read_archive, write_archive
from typica.data.pcm import FASTEST, SLOWEST
from typica.data.sound_file import Coding, coding_for, coding_of, write_sound
from typica.signal.levels import Levels, Pcm
from typica.signal.phaseless import LogMel, Phaseless
from typica.signal.representation import Representation
from typica.signal.representations import REPRESENTATIONS, representation
from typica.signal.samples import from_samples

ALIASES = {"mel": "log-mel"}
NAMES = (*REPRESENTATIONS, *ALIASES)
DEFAULT = "stft"

CODE = "code"
_SETTINGS = ("window", "hop", "bands", "bits")
# Of full scale: what the inverses of exact representations are off by in 32-bit floats; a tenth of
# the step of 16-bit samples.
_ROUNDING = 3e-6
_TIMES = 4  # arrays as large as a code that there are at one time
_EXACT = 1e-4  # what the phase of long sounds may cost them


def sound_to_archive(source: Path, target: Path, wishes: Wishes) -> Outcome:
    """Encode a sound file."""
    was = coding_of(source)
    heard = hear(source, wishes.rate)
    one = _chosen(wishes, heard.rate, was)
    audio = torch.from_numpy(_whole(heard.blocks).T.copy())
    need = _TIMES * 8 * len(audio) * math.prod(one.shape(audio.shape[-1]))
    check_fits(need, one.kind, "take a lower --rate, or a part of it")
    code = one.encode(audio)
    archive = Archive(
        one.kind,
        _plain(one.settings)
        | {"sampling_rate": heard.rate, "length": audio.shape[-1], "coding": was.name},
        {CODE: _stored(code)},
    )
    write_archive(target, archive)
    lost = []
    if heard.rate != heard.was:
        lost.append(f"the samples at {heard.was} Hz (resampled to {heard.rate} Hz)")
    return _encoded(one, audio, code, was, lost)


def _encoded(
    one: Representation, audio: Tensor, code: Tensor, was: Coding, lost: list[str]
) -> Outcome:
    """Tell what a code lost, by decoding it."""
    if isinstance(one, Phaseless):
        return Outcome(False, f"lost: {listed([*lost, one.lost])}", {"frames": code.shape[-1]})
    back = _decoded(one, code, audio.shape[-1], was)
    error = float((back - audio).abs().max())
    figures: dict[str, float | int | str] = {"largest_error": error}
    if error > (_EXACT if one.exact else _ROUNDING):
        ratio = _ratio_db(audio, back)
        figures["signal_to_noise_db"] = ratio
        what = one.lost or "digits of the phase"
        lost.append(f"{what} (signal-to-noise ratio {in_decibels(ratio)})")
    if lost:
        return Outcome(False, f"lost: {listed(lost)}", figures)
    heard = was.heard(back.numpy()) if was.bits else None
    if heard is not None and np.array_equal(heard, audio.numpy()):
        return Outcome(True, f"nothing is lost: {was.words} come back bit for bit", figures)
    return Outcome(
        True, f"nothing is lost: samples come back within {error:.1g} of full scale", figures
    )


def _chosen(wishes: Wishes, rate: int, was: Coding) -> Representation:
    """Return the representation that was asked for.

    Raises:
        ConfigError: There is none of that name, or it has no such setting.
    """
    name = wishes.chosen(NAMES, DEFAULT)
    kind = ALIASES.get(name, name)
    settings = {
        name: getattr(wishes, name) for name in _SETTINGS if getattr(wishes, name) is not None
    }
    if kind == Pcm.kind and was.bits is not None and was.bits <= 16:
        settings = {"bits": was.bits} | settings
    if "rate" in inspect.signature(REPRESENTATIONS[kind]).parameters:
        settings["rate"] = rate
    return representation(kind, **settings)


def _plain(settings: dict[str, Any]) -> dict[str, int | float | str]:
    return {name: value for name, value in settings.items() if value is not None}


def _whole(blocks: Any) -> NDArray[np.float32]:
    audio = np.concatenate(list(blocks))
    if not np.isfinite(audio).all():
        raise DataError("holds values that are not finite numbers")
    return audio


def _stored(code: Tensor) -> NDArray:
    """Return a code as numbers of the smallest type that holds them."""
    array = code.numpy()
    if array.dtype != np.int64:
        return array
    return array.astype(np.uint8 if array.max(initial=0) < 1 << 8 else np.uint16)


def archive_to_sound(source: Path, target: Path, wishes: Wishes) -> Outcome:
    """Decode an archive of sound.

    Raises:
        DataError: It holds none, or not what its representation has.
    """
    archive = read_archive(source)
    one, rate, length = _opened(archive, wishes)
    code = _code(archive, one, length)
    coding = coding_for(
        target, bits=wishes.bits, like=Coding(str(archive.parameters.get("coding", "")))
    )
    audio = _decoded(one, code, length, coding)
    blocks = np.array_split(audio.numpy().T, max(1, length >> 16))
    account = write_sound(target, blocks, rate=rate, channels=len(audio), coding=coding)
    lost, figures = [], figures_of(account)
    if isinstance(one, Phaseless):
        reached = _reached_db(one, audio, code)
        figures["convergence_db"] = reached
        what = "mel spectrum" if isinstance(one, LogMel) else "spectrum"
        lost.append(
            f"{one.lost} ({count(one.iterations, 'iteration')} of Griffin-Lim found sound whose "
            f"{what} differs by {in_decibels(reached)})"
        )
    if not _is_held(one, code, audio, coding):
        lost += rounded(account, coding)
    if lost:
        return Outcome(False, f"lost: {listed(lost)}", figures)
    return Outcome(True, f"nothing is lost: {target.name} holds what {source.name} does", figures)


def _is_held(one: Representation, code: Tensor, audio: Tensor, coding: Coding) -> bool:
    """Tell whether a sound file gives the code back that it was written from."""
    heard = coding.heard(audio.numpy())
    if heard is None:
        return False
    written = torch.from_numpy(heard)
    if isinstance(one, Levels):
        return torch.equal(one.encode(written), code)
    return float((written - audio).abs().max()) <= _ROUNDING


def _opened(archive: Archive, wishes: Wishes) -> tuple[Representation, int, int]:
    """Return the representation of an archive, its rate and its length."""
    settings = dict(archive.parameters)
    rate, length = archive.number("sampling_rate"), archive.number("length")
    for name in ("sampling_rate", "length", "coding"):
        settings.pop(name, None)
    if wishes.iterations is not None and "iterations" not in settings:
        raise ConfigError(f"--iterations means nothing for {archive.kind}: its phase is known")
    if wishes.iterations is not None:
        settings["iterations"] = wishes.iterations
    try:
        one = representation(archive.kind, **settings)
    except (TypicaError, TypeError, ValueError) as error:
        raise DataError(f"its settings are not those of {archive.kind}: {error}") from error
    if not SLOWEST <= rate <= FASTEST or length < 1:
        raise DataError(f"it claims {length} samples at {rate} Hz")
    return one, rate, length


def _code(archive: Archive, one: Representation, length: int) -> Tensor:
    """Return the code of an archive, of the type and shape that the representation has."""
    shape = one.shape(length)
    like = one.encode(torch.zeros(1, 2))
    kinds = "iu" if like.dtype == torch.int64 else like.numpy().dtype.kind
    array = archive.array(CODE, kinds, 1 + len(shape))
    if array.shape[1:] != shape or not len(array) or not np.isfinite(array).all():
        raise DataError(
            f"its code should have the shape (channels, {', '.join(map(str, shape))}), all of "
            f"finite numbers, and has {array.shape}"
        )
    if isinstance(one, Levels) and array.max(initial=0) >= 1 << one.bits:
        raise DataError(f"it holds levels above those of {one.bits} bits")
    return torch.from_numpy(array.astype(like.numpy().dtype))


def _decoded(one: Representation, code: Tensor, length: int, coding: Coding) -> Tensor:
    """Return the audio of a code; levels that a file has too become that file's own."""
    if isinstance(one, Pcm) and coding.bits == one.bits:
        return torch.from_numpy(from_samples((code - (1 << one.bits - 1)).numpy(), one.bits))
    return one.decode(code, length=length)


def _reached_db(one: Phaseless, audio: Tensor, code: Tensor) -> float:
    """Return how far the spectrum of audio is from what was wanted, in decibels."""
    heard, wanted = one.encode(audio), code
    if isinstance(one, LogMel):
        heard, wanted = heard.exp(), wanted.exp()
    return float(20 * ((heard - wanted).norm() / wanted.norm()).log10())


def _ratio_db(audio: Tensor, back: Tensor) -> float:
    error = (back - audio).double().square().sum()
    return float(10 * (audio.double().square().sum() / error).log10())
