"""A recording as a row of windows, each with what a model says of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from typica.core.errors import DataError
from typica.core.model import AutoregressiveModel, ExplicitModel
from typica.signal.flac import Flac
from typica.signal.quantise import Quantised
from typica.typicality.surprisal import walk

SHORTEST = 4  # a window of its own is at least one part in four of the others' size


class Window(NamedTuple):
    """Sums over a stretch of a recording, in nats unless named otherwise.

    Attributes:
        samples: Its length.
        surprisal: Negative log-likelihood, given all that came before; by itself where the model
            does not draw sample after sample, as cascades and flows do not.
        entropy: What the model expected of it, step by step; NaN where it does not say.
        variance: Of the surprisal, in nats squared; NaN where the model does not say.
        code_bits: Size of the stretch as a FLAC file, in bits; NaN where the model does not
            count levels.
    """

    samples: int
    surprisal: float
    entropy: float = math.nan
    variance: float = math.nan
    code_bits: float = math.nan

    def statistics(self) -> dict[str, float]:
        """Return what a detector looks at, without what the model does not say.

        "surprise" and "expected" in nats a sample; "martingale", the excess of the one over the
        other in standard deviations of the window; "complexity", how many bits a sample the
        model needs more than FLAC (Serra et al., 2020, https://arxiv.org/abs/1909.11480).
        """
        excess = self.surprisal - self.entropy
        # A model that is certain all along has no excess, or an infinite one.
        deviations = 0.0 if excess == 0 else excess / max(math.sqrt(self.variance), 1e-12)
        bits = self.surprisal / math.log(2)
        found = {
            "surprise": self.surprisal / self.samples,
            "expected": self.entropy / self.samples,
            "martingale": deviations,
            "complexity": (bits - self.code_bits) / self.samples,
        }
        return {name: value for name, value in found.items() if not math.isnan(value)}


class WindowReader:
    """Reads recordings window by window: the model remembers, memory stays bounded.

    Args:
        model: A model of audio with a density, in evaluation mode.
        size: Samples of a window.
        rate: Hertz.
    """

    def __init__(self, model: ExplicitModel, size: int, rate: int) -> None:
        self.model, self.size, self.rate = model, size, rate
        self.device = next(model.parameters()).device
        self._coder = None
        if isinstance(model, Quantised) and model.quantiser.name == model.base_measure:
            self._coder = Flac(model.quantiser.levels, rate)

    @property
    def least(self) -> int:
        """Samples below which a recording is too short."""
        return max(1, self.size // SHORTEST)

    def read(self, blocks: Iterable[Tensor]) -> Iterator[Window]:
        """Yield the windows of a recording whose blocks (1, size) they are; the last is shorter.

        What is left at the end and shorter than a fourth of a window is dropped.

        Raises:
            DataError: The model gives a window no probability.
        """
        windows = self._follow(blocks) if self._steps else map(self._alone, blocks)
        for number, window in enumerate(windows):
            if window.samples < self.least and number:
                return
            if not math.isfinite(window.surprisal):
                at = number * self.size / self.rate
                raise DataError(f"its log-likelihood is {-window.surprisal} at {at:.2f} s")
            yield window

    @property
    def _steps(self) -> bool:
        return isinstance(self.model, AutoregressiveModel)

    def _follow(self, blocks: Iterable[Tensor]) -> Iterator[Window]:
        """Go through a recording with an autoregressive model, which keeps its state."""
        assert isinstance(self.model, AutoregressiveModel)
        model = self.model
        state = model.start(1)
        last = torch.full((1, 1), model.initial, device=self.device)
        for block in blocks:
            with torch.no_grad():
                symbols = model.symbols(block[None].to(self.device))
                previous = torch.cat([last, symbols[:, :-1]], 1).to(last.dtype)
                sums = np.zeros(3)
                for steps, after in walk(model, previous, symbols, state):
                    sums += [part.cpu().double().sum().item() for part in steps]
                    state = after
            last = symbols[:, -1:].to(last.dtype)
            surprisal, entropy, variance = sums.tolist()
            bits = self._code_bits(block)
            yield Window(block.shape[-1], surprisal, entropy, variance, bits)

    def _alone(self, block: Tensor) -> Window:
        with torch.no_grad():
            nats = -self.model.log_prob(block[None].to(self.device)).item()
        return Window(block.shape[-1], nats, code_bits=self._code_bits(block))

    def _code_bits(self, block: Tensor) -> float:
        if self._coder is None:
            return math.nan
        codes = self.model.quantiser.encode(block)  # type: ignore[operator, union-attr]
        return self._coder.bits(codes[0].numpy(), 0) - self._coder.header_bits
