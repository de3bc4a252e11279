"""Quantisers: from amplitudes to integer levels and back, with a name for what they count."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Literal, Protocol, runtime_checkable

import torch
from torch import Tensor

from typica.core.errors import ConfigError, DataError
from typica.signal.audio import check_amplitudes
from typica.signal.companding import (
    mulaw_decode,
    mulaw_decode_rounding,
    mulaw_encode,
    mulaw_encode_rounding,
    mulaw_expand,
)

QuantiserName = Literal["mulaw", "mulaw-rounding", "linear", "codes"]


class Quantiser(ABC):
    """A map from amplitudes in [-1, 1] to levels 0, 1, ..., `levels` - 1.

    Likelihoods are comparable only under the same quantiser: `name` says which one.
    """

    def __init__(self, bits: int) -> None:
        self.levels = 1 << bits
        self.bits = bits

    @property
    @abstractmethod
    def name(self) -> str:
        """The base measure in words, as in "8-bit mu-law levels"."""

    @abstractmethod
    def encode(self, audio: Tensor) -> Tensor:
        """Return the level of each amplitude, int64, clipped to the range."""

    @abstractmethod
    def decode(self, codes: Tensor) -> Tensor:
        """Return the amplitude that stands for each level, float32."""

    @abstractmethod
    def edges(self) -> Tensor:
        """Return the amplitudes between levels, shape (levels - 1,), rising."""


class MuLaw(Quantiser):
    """Levels of equal width on the compressed scale, decoded to their middles."""

    @property
    def name(self) -> str:
        """See `Quantiser.name`."""
        return f"{self.bits}-bit mu-law levels"

    def encode(self, audio: Tensor) -> Tensor:
        """See `Quantiser.encode`."""
        return mulaw_encode(audio, self.levels)

    def decode(self, codes: Tensor) -> Tensor:
        """See `Quantiser.decode`."""
        return mulaw_decode(codes, self.levels)

    def edges(self) -> Tensor:
        """See `Quantiser.edges`."""
        return mulaw_expand(torch.linspace(-1, 1, self.levels + 1)[1:-1], self.levels - 1)


class RoundedMuLaw(Quantiser):
    """The other mu-law convention: levels round the compressed scale, ends included."""

    @property
    def name(self) -> str:
        """See `Quantiser.name`."""
        return f"{self.bits}-bit mu-law levels (rounding)"

    def encode(self, audio: Tensor) -> Tensor:
        """See `Quantiser.encode`."""
        return mulaw_encode_rounding(audio, self.levels)

    def decode(self, codes: Tensor) -> Tensor:
        """See `Quantiser.decode`."""
        return mulaw_decode_rounding(codes, self.levels)

    def edges(self) -> Tensor:
        """See `Quantiser.edges`."""
        between = (2 * torch.arange(self.levels - 1) + 1) / (self.levels - 1) - 1
        return mulaw_expand(between, self.levels - 1)


class Linear(Quantiser):
    """Plain PCM: levels of equal width; a 16-bit file is coded without loss by 16 bits."""

    @property
    def name(self) -> str:
        """See `Quantiser.name`."""
        return f"{self.bits}-bit linear PCM levels"

    def encode(self, audio: Tensor) -> Tensor:
        """See `Quantiser.encode`."""
        check_amplitudes(audio)
        return ((audio.clamp(-1, 1) + 1) / 2 * self.levels).long().clamp_max(self.levels - 1)

    def decode(self, codes: Tensor) -> Tensor:
        """See `Quantiser.decode`."""
        return (2 * codes.float() + 1) / self.levels - 1

    def edges(self) -> Tensor:
        """See `Quantiser.edges`."""
        return torch.linspace(-1, 1, self.levels + 1)[1:-1]


class Codes(Quantiser):
    """No quantiser at all: what comes is codes already, such as those of another model.

    They stand for themselves. Code 0 is what silence is elsewhere: it comes before the first.
    """

    @property
    def name(self) -> str:
        """See `Quantiser.name`."""
        return f"codes, 1 of {self.levels}"

    def encode(self, audio: Tensor) -> Tensor:
        """Return codes as int64.

        Raises:
            DataError: They are no whole numbers from 0 to `levels` - 1.
        """
        codes = audio.long()
        fits = (codes == audio) & (codes >= 0) & (codes < self.levels)
        if not fits.all():
            raise DataError(f"codes must be whole numbers from 0 to {self.levels - 1}")
        return codes

    def decode(self, codes: Tensor) -> Tensor:
        """Return the codes."""
        return codes

    def edges(self) -> Tensor:
        """See `Quantiser.edges`."""
        return torch.arange(self.levels - 1) + 0.5


@runtime_checkable
class Quantised(Protocol):
    """What hears audio through a quantiser, such as a model of levels."""

    quantiser: Quantiser


def quantiser(name: QuantiserName, bits: int) -> Quantiser:
    """Return a quantiser by name.

    Raises:
        ConfigError: `bits` is not between 1 and 16.
    """
    if not 1 <= bits <= 16:
        raise ConfigError(f"a quantiser has 1 to 16 bits; got bits={bits}")
    kinds: dict[str, Callable[[int], Quantiser]] = {
        "mulaw": MuLaw,
        "mulaw-rounding": RoundedMuLaw,
        "linear": Linear,
        "codes": Codes,
    }
    return kinds[name](bits)
