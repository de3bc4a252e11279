"""Representations of sound: what a map between audio and what a model models says of itself."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import ClassVar

from torch import Tensor


class Representation(ABC):
    """A map between audio and codes. It has no parameters: only settings, in its constructor.

    Attributes:
        kind: What it is called where it is asked for by name.
        differentiable: Whether gradients pass through `encode`; where decoding is exact, also
            through `decode`.
    """

    kind: ClassVar[str]
    differentiable: ClassVar[bool] = True

    @property
    def settings(self) -> dict[str, int | float | str | None]:
        """What it is built with: `type(self)(**settings)` does the same."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    @property
    def lost(self) -> str:
        """What decoding does not give back, in words; empty where it gives back all."""
        return ""

    @property
    def exact(self) -> bool:
        """Whether `decode` undoes `encode`, to rounding."""
        return not self.lost

    @abstractmethod
    def shape(self, length: int) -> tuple[int, ...]:
        """Return the shape of the code of one example of so many samples."""

    @abstractmethod
    def encode(self, audio: Tensor) -> Tensor:
        """Return the code of audio: (..., time) to (..., *shape(time)), example by example."""

    @abstractmethod
    def decode(self, code: Tensor, *, length: int) -> Tensor:
        """Return audio of a code, the original where decoding is exact.

        Args:
            code: Shape (..., *shape(length)).
            length: Samples to return, which the frames of a spectrum do not tell.

        Returns:
            Shape (..., length).

        Raises:
            ShapeError: The code is not that of so much audio.
        """


class BlockEncoder(ABC):
    """A representation, besides, whose codes can be had while the audio still comes."""

    @abstractmethod
    def encode_blocks(self, blocks: Iterable[Tensor]) -> Iterator[Tensor]:
        """Encode audio that comes block by block, (..., time) each, of any sizes.

        Yields:
            For each block what it completes, perhaps nothing, and at the end what is left.
            Joined along the last dimension it is the code of all blocks joined. Memory does
            not grow with time.
        """


class BlockDecoder(ABC):
    """A representation, besides, whose audio can be had while the code still comes."""

    @abstractmethod
    def decode_blocks(
        self, codes: Iterable[Tensor], *, length: int | None = None
    ) -> Iterator[Tensor]:
        """Decode a code that comes in pieces, cut along its last dimension anywhere.

        Args:
            codes: The pieces.
            length: Samples to return in all, as for `decode`; where None, the least that has so
                much code.

        Yields:
            For each piece the audio it completes, perhaps nothing, and at the end what is left.
        """
