"""Models that turn examples into codes and back: what tools may ask of a discrete autoencoder."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor

from typica.core.condition import Condition
from typica.core.errors import ConfigError, DataError, ShapeError
from typica.core.model import ExplicitModel, Model
from typica.core.randomness import Randomness, uniforms_like
from typica.core.telling import RetoldModel, told_log_prob


class Coder(ABC):
    """Turns examples (batch, channels, time) into codes (batch, frames) and back.

    Frame `i` stands for samples `i hop` to `(i + 1) hop`. The last may reach beyond the end of an
    example, which is then followed by silence.
    """

    @property
    @abstractmethod
    def codes(self) -> int:
        """How many different codes there are: they are 0, 1, ..., `codes` - 1."""

    @property
    @abstractmethod
    def hop(self) -> int:
        """Samples a code."""

    @property
    @abstractmethod
    def margin(self) -> int:
        """Samples on either side of those that a code stands for that may change it."""

    @abstractmethod
    def encode(self, x: Tensor) -> Tensor:
        """Return the codes of examples of any length, int64 (batch, frames); always the same.

        Memory beyond that of examples and codes does not grow with time.
        """

    @abstractmethod
    def decode(
        self,
        codes: Tensor,
        *,
        length: int | None = None,
        condition: Condition | None = None,
        generator: Randomness = None,
    ) -> Tensor:
        """Return examples (batch, channels, length) for codes (batch, frames).

        Args:
            codes: What to make sound.
            length: Samples, at most those that the codes stand for, which is also the default.
            condition: What the model is told besides.
            generator: Of the randomness of decoding, where there is any.

        Raises:
            ShapeError: `codes` is not (batch, frames).
            DataError: It holds what is no code.
            ConfigError: `length` is more than the codes stand for, or below 1.
        """

    def frames(self, length: int) -> int:
        """Return how many codes examples of `length` samples have."""
        return -(-length // self.hop)

    def check_codes(self, codes: Tensor) -> None:
        """Refuse what are no codes.

        Raises:
            ShapeError: They are not of shape (batch, frames), or none.
            DataError: They are no whole numbers, or there are no such codes.
        """
        if codes.ndim != 2:
            raise ShapeError(f"codes must have shape (batch, frames), got {tuple(codes.shape)}")
        if not codes.numel():
            raise ShapeError(f"there are no codes, in a tensor of shape {tuple(codes.shape)}")
        if codes.is_floating_point() or codes.is_complex():
            raise DataError(f"codes must be whole numbers, got {codes.dtype}")
        if not 0 <= int(codes.min()) <= int(codes.max()) < self.codes:
            raise DataError(f"codes must be from 0 to {self.codes - 1}")

    def length_of(self, codes: Tensor, length: int | None) -> int:
        """Return `length`, or as many samples as codes (batch, frames) stand for.

        Raises:
            ConfigError: It is more than these, or below 1.
        """
        covered = codes.shape[-1] * self.hop
        if length is None:
            return covered
        if not 1 <= length <= covered:
            raise ConfigError(f"these codes stand for {covered} samples: length={length} is none")
        return length


class CodedModel(ABC):
    """A model that learns codes: what a population of them is judged by besides likelihood."""

    @property
    @abstractmethod
    def coders(self) -> Sequence[DiscreteAutoencoder]:
        """What codes examples; then what codes those codes, and so on."""


class DiscreteAutoencoder(ExplicitModel, CodedModel, Coder):
    """A model p(x) = sum over codes h of p(h) p(x | h), whose encoder picks one h for an x.

    Its `log_prob` is the lower bound that this one term is: log p(x | h) + log p(h). The prior
    p(h) is uniform, log `codes` nats a code; a model of codes put in its place raises the bound.

    Source: van den Oord et al., 2017, https://arxiv.org/abs/1711.00937, section 3.1; Dieleman et
    al., 2018, https://arxiv.org/abs/1806.10474, which names such models.

    Attributes:
        decoder: The model of examples that is told codes: p(x | h).
    """

    density: ClassVar[Literal["exact", "lower bound"]] = "lower bound"
    decoder: RetoldModel

    @property
    def coders(self) -> Sequence[DiscreteAutoencoder]:
        """See `CodedModel.coders`: itself."""
        return [self]

    @property
    @abstractmethod
    def reach(self) -> int:
        """Codes on either side of a place that change what the decoder is told there."""

    @abstractmethod
    def tell(self, codes: Tensor, condition: Condition | None = None) -> Condition:
        """Return what the decoder is told of codes (batch, frames), and what it is told besides."""

    @abstractmethod
    def tell_nothing(
        self, count: int, frames: int, condition: Condition | None = None
    ) -> Condition:
        """Return what the decoder is told where codes are withheld: zeros in their place."""

    @property
    def rate_bits(self) -> float:
        """What codes cost under the uniform prior, in bits a sample."""
        return math.log2(self.codes) / self.hop

    def likelihood(self, x: Tensor, codes: Tensor, condition: Condition | None = None) -> Tensor:
        """Return log p(x | h) of codes h (batch, frames), in nats, (batch,).

        Without gradients memory does not grow with time.
        """

        def told(first: int, last: int) -> Condition:
            return self.tell(codes[:, first:last], condition)

        return told_log_prob(self.decoder, x, told, self.hop, self.reach)

    def unaided(self, x: Tensor, condition: Condition | None = None) -> Tensor:
        """Return log p(x | zeros in place of codes), in nats, (batch,).

        How much less that is than `likelihood` is what the codes are worth to the decoder.
        """

        def told(first: int, last: int) -> Condition:
            return self.tell_nothing(len(x), last - first, condition)

        return told_log_prob(self.decoder, x, told, self.hop, self.reach)

    def log_prob(self, x: Tensor, condition: Condition | None = None) -> Tensor:
        """Return a lower bound of the log-density, in nats, shape (batch,); see the class."""
        codes = self.encode(x)
        return self.likelihood(x, codes, condition) - codes.shape[1] * math.log(self.codes)

    def draw_codes(self, count: int, frames: int, generator: Randomness = None) -> Tensor:
        """Draw codes (count, frames) from the uniform prior."""
        shape = torch.empty(count, frames, device=next(self.parameters()).device)
        drawn = uniforms_like(shape, generator) * self.codes
        return drawn.long().clamp_max(self.codes - 1)

    @torch.no_grad()
    def decode(
        self,
        codes: Tensor,
        *,
        length: int | None = None,
        condition: Condition | None = None,
        generator: Randomness = None,
    ) -> Tensor:
        """Draw examples for codes; see `Coder.decode`."""
        self.check_codes(codes)
        length = self.length_of(codes, length)
        told = self.tell(codes, condition)
        return self.decoder.sample(len(codes), length, condition=told, generator=generator)

    @torch.no_grad()
    def sample(
        self,
        count: int,
        length: int,
        *,
        condition: Condition | None = None,
        generator: Randomness = None,
    ) -> Tensor:
        """Draw codes from the uniform prior, and examples for them."""
        codes = self.draw_codes(count, self.frames(length), generator)
        return self.decode(codes, length=length, condition=condition, generator=generator)


def drawing_part(model: Model) -> Model:
    """Return what of a model draws symbol after symbol: an autoencoder's decoder, or itself."""
    return model.decoder if isinstance(model, DiscreteAutoencoder) else model


def perplexity(counts: Tensor) -> float:
    """Return the exponential of the entropy of shares, given counts (codes,)."""
    shares = counts.double() / counts.sum()
    return math.exp(float(torch.special.entr(shares).sum()))
