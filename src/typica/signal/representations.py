"""The representations of sound, by name."""

from __future__ import annotations

import inspect
from typing import Any

from typica.core.errors import ConfigError, did_you_mean
from typica.signal.constant_q import ConstantQ
from typica.signal.levels import MuLaw, Pcm, RoundedMuLaw
from typica.signal.phaseless import LogMel, Magnitude
from typica.signal.representation import Representation
from typica.signal.short_time import MagnitudeAndFrequency, MagnitudeAndPhase, ShortTimeSpectrum

_CLASSES: tuple[type[Representation], ...] = (
    Pcm,
    MuLaw,
    RoundedMuLaw,
    ShortTimeSpectrum,
    MagnitudeAndPhase,
    MagnitudeAndFrequency,
    Magnitude,
    LogMel,
    ConstantQ,
)
REPRESENTATIONS = {one.kind: one for one in _CLASSES}


def representation(kind: str, **settings: Any) -> Representation:
    """Return a representation of sound by its name.

    Args:
        kind: One of `REPRESENTATIONS`, as in "log-mel".
        settings: What its class is built with, as in rate=16000; `Representation.settings` of one
            gives its equal.

    Raises:
        ConfigError: There is no such representation, it has no such setting, or needs one more.
    """
    if kind not in REPRESENTATIONS:
        raise ConfigError(
            f"there is no representation {kind!r}: {did_you_mean(kind, REPRESENTATIONS)}"
        )
    build = REPRESENTATIONS[kind]
    known = inspect.signature(build).parameters
    for name in settings:
        if name not in known:
            raise ConfigError(f"{kind} has no setting {name!r}: {did_you_mean(name, known)}")
    for name, parameter in known.items():
        if parameter.default is parameter.empty and name not in settings:
            raise ConfigError(f"{kind} needs a setting {name!r}")
    return build(**settings)
