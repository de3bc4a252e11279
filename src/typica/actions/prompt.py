"""A recording to go on from."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from typica.core.drawable import is_drawable
from typica.core.errors import RunError
from typica.core.run import Run
from typica.data.sound import read_audio


def read_prompt(run: Run, path: Path | None, *, normalise: bool = True) -> Tensor | None:
    """Read a prompt at a run's rate, (1, 1, time), or return None where there is none.

    Args:
        run: Of an autoregressive system.
        path: A recording.
        normalise: Make it as loud as the run's recordings were made; False leaves it as it is.

    Raises:
        RunError: The system is not autoregressive.
        DataError: It is no recording that can be read.
    """
    if path is None:
        return None
    if not is_drawable(run.model):
        raise RunError(f"{run.system} cannot go on from a prompt: it is not autoregressive")
    audio = read_audio(path, run.rate, normalise=run.normalise if normalise else "none")
    return audio[None].to(run.device)
