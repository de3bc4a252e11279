"""Sound to a picture of its magnitudes, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from typica.actions.conversion.account import Outcome, Wishes, count, in_decibels, listed
from typica.actions.conversion.sound import figures_of, hear, rounded
from typica.core.errors import ConfigError, DataError
from typica.data.pcm import FASTEST, SLOWEST
from typica.data.sound_file import coding_for, write_sound
from typica.images.grey import Grey, write_grey
from typica.signal.griffin_lim import ITERATIONS, griffin_lim
from typica.signal.picture import GreyScale
from typica.signal.spectrum import HOP, WINDOW, check_sizes, convergence_db, magnitude

KIND = "magnitudes"
_SCALE = ("top_db", "range_db")
_SEED = 0


def sound_to_picture(source: Path, target: Path, wishes: Wishes) -> Outcome:
    """Draw the magnitudes of a sound file's short-time spectrum."""
    heard = hear(source, wishes.rate)
    audio = torch.from_numpy(np.concatenate([block.mean(axis=1) for block in heard.blocks]))
    if not torch.isfinite(audio).all():
        raise DataError("holds values that are not finite numbers")
    window, hop = wishes.window or WINDOW, wishes.hop or HOP
    magnitudes = magnitude(audio, window=window, hop=hop)
    scale = GreyScale.of(magnitudes)
    levels = scale.encode(magnitudes)
    meaning = {
        "kind": KIND, "sampling_rate": heard.rate, "length": len(audio), "window": window,
        "hop": hop, "top_db": scale.top_db, "range_db": scale.range_db,
    }  # fmt: skip
    title = (
        f"{source.name}: time to the right, 0 to {heard.rate / 2:g} Hz upwards, "
        f"{scale.range_db:g} dB from black to white"
    )
    write_grey(target, levels, meaning, title)
    black = float(np.mean(levels == 0))
    lost = ["the phase", f"what lies {scale.range_db:g} dB under the loudest ({black:.1%} of all)"]
    lost.append(f"steps finer than {scale.step_db:.4f} dB")
    if heard.channels > 1:
        lost.append(f"what tells the {heard.channels} channels apart (mixed to one)")
    if heard.rate != heard.was:
        lost.append(f"the samples at {heard.was} Hz (resampled to {heard.rate} Hz)")
    return Outcome(False, f"lost: {listed(lost)}", {"black": black, "step_db": scale.step_db})


def picture_to_sound(grey: Grey, target: Path, wishes: Wishes) -> Outcome:
    """Find sound that has nearly the magnitudes of a picture.

    Raises:
        DataError: The picture is not what its text says.
    """
    scale, meant = _meant(grey)
    magnitudes = scale.decode(grey.levels)
    iterations = ITERATIONS if wishes.iterations is None else wishes.iterations
    sizes = {"window": meant.window, "hop": meant.hop}
    audio = griffin_lim(
        magnitudes,
        length=meant.length,
        window=meant.window,
        hop=meant.hop,
        iterations=iterations,
        generator=torch.Generator().manual_seed(_SEED),
    )
    coding = coding_for(target, bits=wishes.bits)
    blocks = [audio.numpy()[:, None]]
    account = write_sound(target, blocks, rate=meant.sampling_rate, channels=1, coding=coding)
    reached = float(convergence_db(audio, magnitudes, **sizes))
    lost = [
        f"the phase ({count(iterations, 'iteration')} of Griffin-Lim found one with a spectral "
        f"convergence of {in_decibels(reached)})",
        f"what was {scale.range_db:g} dB under the loudest",
        *rounded(account, coding),
    ]
    figures = figures_of(account) | {"convergence_db": reached}
    return Outcome(False, f"lost: {listed(lost)}", figures)


class _Meant(NamedTuple):
    """What a picture stands for, beside its greys."""

    sampling_rate: int
    length: int
    window: int
    hop: int

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.window // 2 + 1, self.length // self.hop + 1


def _meant(grey: Grey) -> tuple[GreyScale, _Meant]:
    """Return the scale of a picture, and its sizes."""
    sizes = [_number(grey, name, int) for name in _Meant._fields]
    meant = _Meant(*map(int, sizes))
    if min(meant) < 1 or not SLOWEST <= meant.sampling_rate <= FASTEST:
        raise DataError(f"it claims {meant.length} samples at {meant.sampling_rate} Hz")
    height, width = grey.levels.shape
    if (height, width) != meant.size or grey.levels.dtype != np.uint16:
        raise DataError(
            f"its spectrum should have {meant.size[1]} x {meant.size[0]} pixels of 16 bits and has "
            f"{width} x {height} of {8 * grey.levels.dtype.itemsize}: it was scaled or cut"
        )
    try:
        check_sizes(meant.window, meant.hop)
        return GreyScale(*(_number(grey, name, float) for name in _SCALE)), meant
    except ConfigError as error:
        raise DataError(str(error)) from error


def _number(grey: Grey, name: str, kind: type) -> float:
    value: Any = grey.meaning.get(name)
    if isinstance(value, int) or (kind is float and isinstance(value, float)):
        return value
    raise DataError(f"its text does not tell its {name!r}")
