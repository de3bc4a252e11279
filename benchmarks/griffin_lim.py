"""Griffin-Lim with momentum: typica against librosa, on the same magnitudes, one thread.

    python benchmarks/griffin_lim.py

librosa 0.11 must be importable (`pip install librosa`; it is no dependency of typica). Ten seconds
of made chords at 22,050 Hz, windows of 1024, a hop of 256, momentum 0.99, both from random phases.
Each is run several times in turn; the median ratio of CPU times counts, and the median spectral
convergence, for it hangs on the first phase by a decibel.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from typica.signal.griffin_lim import griffin_lim
from typica.signal.oscillator import harmonic_oscillator
from typica.signal.spectrum import convergence_db, magnitude

RATE, SECONDS, WINDOW, HOP = 22050, 10, 1024, 256
ITERATIONS, MOMENTUM, ROUNDS = 32, 0.99, 5
FASTER, WORSE_DB = 2.5, 0.2


def main() -> None:
    """Print CPU seconds and spectral convergence of each, and the ratio."""
    import librosa

    torch.set_num_threads(1)
    audio = chords()
    magnitudes = magnitude(audio, window=WINDOW, hop=HOP)
    given = magnitudes.numpy()

    def theirs(seed: int) -> Tensor:
        found = librosa.griffinlim(
            given,
            n_iter=ITERATIONS,
            hop_length=HOP,
            n_fft=WINDOW,
            momentum=MOMENTUM,
            length=len(audio),
            random_state=np.random.default_rng(seed),
        )
        return torch.from_numpy(found)

    def ours(seed: int) -> Tensor:
        return griffin_lim(
            magnitudes,
            length=len(audio),
            window=WINDOW,
            hop=HOP,
            iterations=ITERATIONS,
            momentum=MOMENTUM,
            generator=torch.Generator().manual_seed(seed),
        )

    for warm in (theirs, ours):
        warm(0)
    pairs = [(measured(theirs, seed), measured(ours, seed)) for seed in range(ROUNDS)]
    ratio = statistics.median(their[0] / our[0] for their, our in pairs)
    scores = [
        [float(convergence_db(one[1], magnitudes, window=WINDOW, hop=HOP)) for one in side]
        for side in zip(*pairs, strict=True)
    ]
    middles = [statistics.median(side) for side in scores]
    sides = zip(*pairs, strict=True)
    for name, side, found in zip(("librosa", "typica"), sides, scores, strict=True):
        seconds = statistics.median(one[0] for one in side)
        print(
            f"{name}: {seconds:.3f} CPU s, {SECONDS / seconds:.0f} times real time, convergence "
            f"{statistics.median(found):.2f} dB ({min(found):.2f} to {max(found):.2f})"
        )
    print(f"typica is {ratio:.2f} times as fast (target: {FASTER}), ", end="")
    print(f"{middles[1] - middles[0]:+.2f} dB (at most +{WORSE_DB})")
    raise SystemExit(ratio < FASTER or middles[1] - middles[0] > WORSE_DB)


def chords() -> Tensor:
    """Make ten seconds of struck chords, twenty of them, and a little noise."""
    length = RATE * SECONDS
    generator = torch.Generator().manual_seed(0)
    audio = 1e-3 * torch.randn(length, generator=generator)
    time_s = torch.arange(length) / RATE
    for begin_s in np.arange(0, SECONDS, 0.5):
        for _ in range(3):
            pitch = int(torch.randint(48, 80, (1,), generator=generator))
            since = (time_s - begin_s).clamp(min=0)
            envelope = torch.exp(-4 * since) * (since / 0.005).clamp(max=1)
            falls = torch.arange(1, 9)[:, None].float()
            hertz = torch.full((length,), 440 * 2 ** ((pitch - 69) / 12))
            audio += 0.1 * harmonic_oscillator(hertz, envelope / falls, rate=RATE)
    return audio


def measured(act: Callable[[int], Tensor], seed: int) -> tuple[float, Tensor]:
    """Return the CPU seconds of a function, and what it returns."""
    began = time.process_time()
    result = act(seed)
    return time.process_time() - began, result


if __name__ == "__main__":
    main()
