"""What detection adds to the model's own pass over audio: windows and judges against log_prob.

    python benchmarks/scoring.py

An untrained WaveNet of the preset `small` hears made sounds; one thread. The peer is the model's
`log_prob` of the same audio; reading and resampling files, which both need, is left out. Each is
done several times in turn, and the median ratio counts.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

from typica.core import registry
from typica.typicality.recordings import RecordingDetector
from typica.typicality.windows import WindowReader

RATE, WINDOW_S, WINDOWS, REPEATS = 16000, 2.0, 6, 7
TARGET = 0.05


def main() -> None:
    """Print seconds of each, and the share that detection adds."""
    torch.set_num_threads(1)
    model = registry.build("wavenet", "small").eval().requires_grad_(False)
    size = round(WINDOW_S * RATE)
    generator = torch.Generator().manual_seed(0)
    audio = 0.1 * torch.randn(1, WINDOWS * size, generator=generator)
    reader = WindowReader(model, size, RATE)
    rows = np.random.default_rng(0).normal(size=(40, 30, 4))
    detector = RecordingDetector(["surprise", "expected", "martingale", "complexity"]).fit(
        list(rows)
    )

    def passed() -> None:
        for window in audio.split(size, -1):
            model.log_prob(window[None])

    def detected() -> None:
        windows = list(reader.read(audio.split(size, -1)))
        detector.judge(np.array([list(window.statistics().values()) for window in windows]))

    for warm in (passed, detected):
        warm()
    pairs = [(seconds(passed), seconds(detected)) for _ in range(REPEATS)]
    ratio = statistics.median(b / a for a, b in pairs)
    alone = statistics.median(a for a, _ in pairs)
    print(f"log_prob of {WINDOWS * WINDOW_S:g} s at {RATE} Hz: {alone:.2f} s")
    print(f"typica detect adds {ratio - 1:+.1%} (target: at most {TARGET:.0%})")
    raise SystemExit(ratio - 1 > TARGET)


def seconds(act: Callable[[], None]) -> float:
    """Time a function."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
