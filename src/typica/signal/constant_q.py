"""The constant-Q spectrum: bins that stand equally far apart in pitch, and its exact inverse.

The whole signal's spectrum is cut by windows that are as wide as an interval, and each cut made
into a band of coefficients by an inverse transform: a non-stationary Gabor frame. All bands get
as many coefficients, so that they make a matrix. Source: Velasco, Holighaus, Doerfler and Grill
2011, "Constructing an invertible constant-Q transform with nonstationary Gabor frames".
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from typica.core.errors import ConfigError, ShapeError
from typica.signal.audio import check_audio
from typica.signal.representation import Representation

LOWEST = 32.703195662574829  # hertz: C1
NARROWEST = 4  # bins of the whole spectrum that the narrowest window spans, at least


class ConstantQ(Representation):
    """A constant-Q spectrum and its inverse, for any length of audio.

    A band's coefficients are the analytic signal of what sounds there, every `hop` samples: a
    sine of amplitude A at the middle of a band gives the magnitude A. Window k is a Hann window
    over pitch from the band below to the band above, f[k - 1] to f[k + 1]. One more band, the
    first, holds what is lower than the bins and one, the last, what is higher, so that nothing
    is lost. The signal is taken as periodic, after silence that fills it up.

    Args:
        rate: Sampling rate in hertz.
        per_octave: Bins in an octave.
        lowest: Middle of the first bin in hertz.
        hop: Samples from one coefficient to the next; the largest possible where None.

    Raises:
        ConfigError: There is no bin below half the rate, or the hop is so long that the inverse
            would not exist.
    """

    kind = "constant-q"

    def __init__(
        self, rate: int, *, per_octave: int = 36, lowest: float = LOWEST, hop: int | None = None
    ) -> None:
        if per_octave < 1 or not 0 < lowest < rate / 4:
            raise ConfigError(
                f"a constant-Q spectrum at {rate} Hz needs at least 1 bin an octave from a lowest "
                f"frequency above 0 and under {rate / 4:g} Hz; got per_octave={per_octave}, "
                f"lowest={lowest:g}"
            )
        self.rate, self.per_octave, self.lowest = rate, per_octave, lowest
        octaves = math.log2(rate / 2 / lowest)
        # The highest bin stays a whole step below half the rate: the last band fills the rest.
        self.bins = max(1, math.ceil(octaves * per_octave - 1e-9) - 1)
        longest = self._longest_hop()
        self.hop = longest if hop is None else hop
        if not 1 <= self.hop <= longest:
            raise ConfigError(
                f"the widest of these constant-Q bands needs a coefficient every {longest} samples "
                f"or oftener; got hop={hop}"
            )

    @property
    def frequencies(self) -> Tensor:
        """The middles of the bins in hertz, shape (bins,), float64."""
        steps = torch.arange(self.bins, dtype=torch.float64) / self.per_octave
        return self.lowest * 2**steps

    def shape(self, length: int) -> tuple[int, ...]:
        """Return bands and frames of so many samples."""
        return self.bins + 2, self.frames(length)

    def encode(self, audio: Tensor) -> Tensor:
        """Return the coefficients of audio.

        Args:
            audio: Shape (..., time), float32 or float64.

        Returns:
            Shape (..., bins + 2, frames), complex, with ceil(time / hop) frames or more: short
            audio is filled up until the narrowest window spans some bins. Frame m stands at
            sample m hop.
        """
        check_audio(audio)
        bands, frames = self.shape(audio.shape[-1])
        places, slots, windows, _ = self._windows(frames, audio)
        spectrum = torch.fft.rfft(audio, frames * self.hop)
        cut = spectrum[..., places] * windows
        folded = cut.new_zeros(*audio.shape[:-1], bands * frames).index_copy(-1, slots, cut)
        return torch.fft.ifft(folded.unflatten(-1, (bands, frames))) * (2 / self.hop)

    def decode(self, coefficients: Tensor, *, length: int) -> Tensor:
        """Return the audio that coefficients are of: the inverse of `encode`, to rounding.

        Coefficients that are those of no audio give the nearest in a weighted least squares.

        Args:
            coefficients: Shape (..., bins + 2, frames), complex.
            length: Samples to return: those of the audio that was encoded.

        Returns:
            Shape (..., length).

        Raises:
            ShapeError: The coefficients are not those of so much audio.
        """
        frames = self.frames(length)
        if tuple(coefficients.shape[-2:]) != self.shape(length):
            raise ShapeError(
                f"{length} samples have constant-Q coefficients of shape (..., {self.bins + 2}, "
                f"{frames}); got {tuple(coefficients.shape)}"
            )
        places, slots, _, duals = self._windows(frames, coefficients.real)
        folded = torch.fft.fft(coefficients) * (self.hop / 2)
        cut = folded.flatten(-2)[..., slots] * duals
        size = frames * self.hop
        spectrum = cut.new_zeros(*cut.shape[:-1], size // 2 + 1).index_add(-1, places, cut)
        return torch.fft.irfft(spectrum, size)[..., :length]

    def frames(self, length: int) -> int:
        """Return the number of frames of so many samples."""
        narrowest = self.lowest * (2 ** (1 / self.per_octave) - 2 ** (-1 / self.per_octave))
        fill = math.ceil(NARROWEST * self.rate / narrowest)
        frames = math.ceil(max(length, fill) / self.hop)
        # The length of the whole transform must be even, so that half the rate is a bin.
        return frames + (frames * self.hop) % 2

    def _edges(self) -> Tensor:
        """Return the middles of all bands, 0 Hz and half the rate among them, (bins + 2,)."""
        return torch.cat(
            [torch.zeros(1).double(), self.frequencies, torch.tensor([self.rate / 2]).double()]
        )

    def _longest_hop(self) -> int:
        """Return the hop at which the widest window spans as many bins as there are frames."""
        edges = self._edges()
        widths = torch.cat([edges[1:2], edges[2:] - edges[:-2], edges[-1:] - edges[-2:-1]])
        # A spare of two bins, for windows begin and end between bins.
        return max(1, math.floor(self.rate / float(widths.max()) * 0.98))

    def _windows(self, frames: int, like: Tensor) -> _Windows:
        """Return the windows of so many frames, of the type and on the device of `like`."""
        found = _windows(self.rate, self.per_octave, self.lowest, self.hop, frames)
        return _Windows(
            found.places.to(like.device),
            found.slots.to(like.device),
            found.windows.to(like),
            found.duals.to(like),
        )


class _Windows(NamedTuple):
    """The windows of a transform, one after another, each of shape (all bins of all bands,).

    Attributes:
        places: The bins of the whole spectrum that the bands take.
        slots: Where each lies in the bands' own spectra, joined: in its band's, bin j of the whole
            one turns coefficient m by exp(2 pi i j m / frames).
        windows: What they are weighted with.
        duals: What they are weighted with on the way back.
    """

    places: Tensor
    slots: Tensor
    windows: Tensor
    duals: Tensor


@lru_cache(maxsize=4)
@torch.inference_mode(False)  # what is kept must serve training, wherever it was first asked for
def _windows(rate: int, per_octave: int, lowest: float, hop: int, frames: int) -> _Windows:
    """Return the windows of a transform in float64."""
    transform = ConstantQ(rate, per_octave=per_octave, lowest=lowest, hop=hop)
    size = frames * hop
    edges = transform._edges() * size / rate
    # From the middle of the band below to that of the band above: never more bins than frames, so
    # that each is another one modulo `frames`.
    first = torch.cat([edges[:1], edges[:-1]]).floor().long()
    last = torch.cat([edges[1:], edges[-1:]]).ceil().long().clamp(max=size // 2)
    widths = (last - first + 1).clamp(max=frames)
    band = torch.arange(len(edges)).repeat_interleave(widths)
    places = torch.arange(len(band)) + (first - widths.cumsum(0) + widths)[band]
    windows = _rise(places, band, edges)
    places, band, windows = (one[windows > 0] for one in (places, band, windows))
    total = torch.zeros(size // 2 + 1, dtype=torch.float64)
    total = total.index_add(0, places, windows.square())
    return _Windows(places, band * frames + places % frames, windows, windows / total[places])


def _rise(places: Tensor, band: Tensor, edges: Tensor) -> Tensor:
    """Return the bands' windows at bins: Hann windows over pitch, the first flat below."""
    pitch = places.double().clamp(min=0.5).log2()
    middles = edges.clamp(min=0.25).log2()
    inner = middles[1:-1]
    step = (inner[1] - inner[0]) if len(inner) > 1 else middles[-1] - inner[0]
    # The first band falls from the last step below the bins on; the last rises to half the rate,
    # where the spectrum ends.
    lower = torch.cat([inner[:1] - 2 * step, inner[:1] - step, inner[:-1], inner[-1:]])
    upper = torch.cat([inner, middles[-1:], middles[-1:] + 1])
    centre = torch.cat([inner[:1] - step, inner, middles[-1:]])
    below = (pitch - centre[band]) / (centre - lower)[band]
    above = (pitch - centre[band]) / (upper - centre)[band]
    offset = torch.where(pitch < centre[band], below, above).clamp(-1, 1)
    offset = torch.where((band == 0) & (offset < 0), 0, offset)
    return 0.5 + 0.5 * torch.cos(math.pi * offset)
