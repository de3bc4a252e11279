"""Representations by levels: a whole number for each sample, from a quantiser."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from typica.core.errors import ShapeError
from typica.signal.quantise import Quantiser, QuantiserName, quantiser
from typica.signal.representation import BlockDecoder, BlockEncoder, Representation


@dataclass(frozen=True)
class Levels(Representation, BlockEncoder, BlockDecoder):
    """A level for each sample: (..., time) to (..., time), int64 from 0 on, and back to float32.

    Attributes:
        bits: Of a level: there are 2^bits.

    Raises:
        ConfigError: `bits` is not between 1 and 16.
    """

    differentiable: ClassVar[bool] = False
    by: ClassVar[QuantiserName]

    bits: int

    def __post_init__(self) -> None:
        quantiser(self.by, self.bits)

    @property
    def quantiser(self) -> Quantiser:
        """What tells the levels."""
        return quantiser(self.by, self.bits)

    @property
    def lost(self) -> str:
        """See `Representation.lost`."""
        return f"where amplitudes lie within {self.quantiser.name}, and what is beyond full scale"

    def shape(self, length: int) -> tuple[int, ...]:
        """Return the shape of so many levels."""
        return (length,)

    def encode(self, audio: Tensor) -> Tensor:
        """See `Quantiser.encode`."""
        return self.quantiser.encode(audio)

    def decode(self, code: Tensor, *, length: int) -> Tensor:
        """See `Quantiser.decode`."""
        self._check(code.shape[-1], length)
        return self.quantiser.decode(code)

    def encode_blocks(self, blocks: Iterable[Tensor]) -> Iterator[Tensor]:
        """See `BlockEncoder.encode_blocks`."""
        return map(self.quantiser.encode, blocks)

    def decode_blocks(
        self, codes: Iterable[Tensor], *, length: int | None = None
    ) -> Iterator[Tensor]:
        """See `BlockDecoder.decode_blocks`."""
        count = 0
        for code in codes:
            count += code.shape[-1]
            yield self.quantiser.decode(code)
        self._check(count, count if length is None else length)

    def _check(self, count: int, length: int) -> None:
        if count != length:
            raise ShapeError(f"{length} samples have as many levels; got {count}")


@dataclass(frozen=True)
class Pcm(Levels):
    """Levels of equal width: 16 bits give a 16-bit file back as it is."""

    kind: ClassVar[str] = "pcm"
    by: ClassVar[QuantiserName] = "linear"

    bits: int = 16


@dataclass(frozen=True)
class MuLaw(Levels):
    """Levels of equal width on the mu-law scale, decoded to their middles."""

    kind: ClassVar[str] = "mulaw"
    by: ClassVar[QuantiserName] = "mulaw"

    bits: int = 8


@dataclass(frozen=True)
class RoundedMuLaw(Levels):
    """The other mu-law convention: levels round the compressed scale, ends included."""

    kind: ClassVar[str] = "mulaw-rounding"
    by: ClassVar[QuantiserName] = "mulaw-rounding"

    bits: int = 8
