"""What systems of sound are told beside the past: a label, and frames of one local condition."""

from __future__ import annotations

from typing import Literal, Protocol

from torch import Tensor

from typica.core.condition import Condition, Need
from typica.core.errors import ConfigError
from typica.layers.upsampling import Upsampling


class Told(Protocol):
    """Settings of what a system is told.

    Attributes:
        labels: Classes of the condition "label"; 0 for none.
        local: Name of the local condition, or None.
        local_channels: Its channels.
        hop: Its samples a frame.
        upsampling: How its frames are brought to the rate of the samples.
    """

    @property
    def labels(self) -> int: ...  # noqa: D102
    @property
    def local(self) -> str | None: ...  # noqa: D102
    @property
    def local_channels(self) -> int: ...  # noqa: D102
    @property
    def hop(self) -> int: ...  # noqa: D102
    @property
    def upsampling(self) -> Literal["repeat", "linear", "learnt"]: ...  # noqa: D102


def check_local(config: Told) -> None:
    """Refuse a local condition without a size, or a size without one.

    Raises:
        ConfigError: It is so, or its name is that of the label.
    """
    if config.local and min(config.local_channels, config.hop) < 1:
        raise ConfigError(f"model.local={config.local} needs model.local_channels and model.hop")
    if config.local == "label" or (not config.local and (config.local_channels or config.hop)):
        raise ConfigError("model.local must name the frames to be told, such as roll")


def needs_of(config: Told) -> dict[str, Need]:
    """Return what a model must be told; see `Model.needs`."""
    needs = {"label": Need(config.labels)} if config.labels else {}
    if config.local:
        needs[config.local] = Need(config.local_channels, config.hop)
    return needs


def upsampling_of(config: Told) -> Upsampling | None:
    """Return what brings the frames to the rate of the samples, if there are any."""
    if not config.local:
        return None
    return Upsampling(config.upsampling, config.local_channels, config.hop)


def frames_of(config: Told, told: Condition | None, like: Tensor) -> Tensor | None:
    """Return the frames of a condition, (batch, channels, frames), of a tensor's kind, or None."""
    if not config.local or told is None:
        return None
    return told[config.local].values.to(like)
