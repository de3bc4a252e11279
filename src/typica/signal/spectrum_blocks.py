"""Short-time spectra of audio that comes block by block, and audio of spectra that do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from typica.core.errors import ShapeError
from typica.signal.audio import check_audio
from typica.signal.overlap import overlap_add
from typica.signal.spectrum import HOP, WINDOW, check_sizes


def stft_blocks(
    blocks: Iterable[Tensor], *, window: int = WINDOW, hop: int = HOP
) -> Iterator[Tensor]:
    """Take the short-time spectrum of audio that comes in blocks of any sizes.

    A frame is there half a window after the sample it is centred on.

    Args:
        blocks: Of shape (..., time), float32 or float64, some perhaps without samples.
        window: As for `stft`.
        hop: As for `stft`.

    Yields:
        For each block the frames it completes, (..., window // 2 + 1, frames), perhaps none, and
        at the end those that are left: joined, what `stft` makes of the blocks joined.

    Raises:
        ConfigError: As for `stft`.
        ShapeError: As for `stft`: there were no samples at all, or no floats.
    """
    check_sizes(window, hop)
    held, count = torch.empty(0), 0
    for block in blocks:
        if not count:
            held = block.new_zeros(*block.shape[:-1], window // 2)
        count += block.shape[-1]
        if block.numel():
            check_audio(block)
        spectrum, held = _complete(torch.cat([held, block], dim=-1), window, hop)
        yield spectrum
    if not count:
        raise ShapeError("a short-time spectrum needs at least one sample: no block had one")
    # With half a window of silence, just the frames are complete that are centred on a sample.
    yield _complete(F.pad(held, (0, window // 2)), window, hop)[0]


def istft_blocks(
    spectra: Iterable[Tensor], *, window: int = WINDOW, hop: int = HOP, length: int | None = None
) -> Iterator[Tensor]:
    """Make audio of a short-time spectrum that comes in pieces of any numbers of frames.

    Args:
        spectra: Of shape (..., window // 2 + 1, frames), complex, some perhaps without frames.
        window: As for `istft`.
        hop: As for `istft`.
        length: As for `istft`; where None, the least that has so many frames,
            (frames - 1) * hop.

    Yields:
        For each piece the samples it completes, (..., time), perhaps none, and at the end those
        that are left: joined, what `istft` makes of the pieces joined.

    Raises:
        ConfigError: As for `istft`.
        ShapeError: As for `istft`, when the last piece has come.
    """
    check_sizes(window, hop)
    adder = _Adder(window, hop, length)
    for spectrum in spectra:
        yield adder.add(spectrum)
    yield adder.end()


def _complete(held: Tensor, window: int, hop: int) -> tuple[Tensor, Tensor]:
    """Return the spectra of all whole frames, and the samples that later ones begin with."""
    count = max(0, (held.shape[-1] - window) // hop + 1)
    if not count:
        none = held.new_zeros(*held.shape[:-1], window // 2 + 1, 0)
        return torch.complex(none, none), held
    frames = held[..., : (count - 1) * hop + window].unfold(-1, window, hop)
    hann = torch.hann_window(window, dtype=held.dtype, device=held.device)
    return torch.fft.rfft(frames * hann).mT, held[..., count * hop :]


class _Adder:
    """Adds the frames of spectra, and remembers what later ones still add to."""

    def __init__(self, window: int, hop: int, length: int | None) -> None:
        self.window, self.hop, self.length = window, hop, length
        self.frames = self.done = 0
        self.tail = self.squares = torch.empty(0)

    def add(self, spectrum: Tensor) -> Tensor:
        """Return the samples that no later frame adds to."""
        count = spectrum.shape[-1]
        hann = torch.hann_window(self.window, dtype=spectrum.real.dtype, device=spectrum.device)
        if not self.frames:
            self.tail = hann.new_zeros(*spectrum.shape[:-2], self.window - self.hop)
            self.squares = hann.new_zeros(self.window - self.hop)
        if not count:
            return self.tail[..., :0]
        self.frames += count
        pieces = torch.fft.irfft(spectrum.mT, self.window) * hann
        total = _onto(self.tail, overlap_add(pieces, self.hop))
        squares = _onto(self.squares, overlap_add(hann.square().expand(count, -1), self.hop))
        ready = count * self.hop
        self.tail, self.squares = total[..., ready:], squares[ready:]
        return self._cut(total[..., :ready], squares[:ready])

    def end(self) -> Tensor:
        """Return what is left, when no frame comes any more."""
        least = max(0, self.frames - 1) * self.hop
        length = least if self.length is None else self.length
        if length < 1 or length // self.hop + 1 != self.frames:
            raise ShapeError(
                f"{self.frames} frames at hop={self.hop} are those of "
                f"{max(1, least)} to {least + self.hop - 1} samples; got length={length}"
            )
        self.length = length
        return self._cut(self.tail, self.squares)

    def _cut(self, total: Tensor, squares: Tensor) -> Tensor:
        """Return what lies within the audio, which begins half a window after the first frame."""
        begin, half = self.done, self.window // 2
        self.done += total.shape[-1]
        end = total.shape[-1] if self.length is None else half + self.length - begin
        inside = slice(max(0, half - begin), max(0, end))
        return total[..., inside] / squares[inside]


def _onto(tail: Tensor, total: Tensor) -> Tensor:
    """Add what was left to the beginning of what comes."""
    return total + F.pad(tail, (0, total.shape[-1] - tail.shape[-1]))
