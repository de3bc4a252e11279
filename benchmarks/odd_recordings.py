"""Detectors against odd recordings, with a WaveNet trained on real music.

Music (41 pieces of the game The Battle for Wesnoth, GPL-2) and speech (prompts of Asterisk, CC
BY-SA 3.0) come from Debian; the piano is the built-in corpus of chorales:

    apt-get download wesnoth-1.16-music asterisk-core-sounds-en-wav
    for deb in *.deb; do dpkg -x $deb debian; done
    typica data prepare debian/usr/share/games/wesnoth/1.16/data/core/music -o music8k --rate 8000
    typica data prepare chorales
    typica train wavenet --data music8k --name music8k --minutes 60 --set data.rate=8000
    python benchmarks/odd_recordings.py music8k music8k debian/usr/share/asterisk/sounds

Detectors learn from clips of the recordings held out for validation; usual are clips of those
held out for testing. Odd are the same clips, spoilt, and other sounds. AUROC: 1 finds all, 0.5
none; intervals are of a bootstrap over recordings. It takes a quarter of an hour on one core.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from scipy.stats import kstest
from sklearn.metrics import roc_auc_score
from torch import Tensor

from typica.cli._bars import Bars
from typica.core.randomness import seeded
from typica.core.run import Run, load
from typica.data.corpus import Corpus, open_corpus
from typica.data.folder import FolderSource
from typica.data.sound import read_audio
from typica.decoding.sampling import draw_samples
from typica.engines.compiler import engine_for
from typica.evaluation.baselines import fit_baselines
from typica.signal.resample import resample
from typica.typicality.detectors.batch import BatchTypicalityTest
from typica.typicality.detectors.complexity import InputComplexity
from typica.typicality.detectors.density_of_states import DensityOfStates, DensityOfStatesSVM
from typica.typicality.detectors.one_point import OnePointTypicality
from typica.typicality.detectors.ratio import LikelihoodRatio
from typica.typicality.detectors.threshold import LikelihoodThreshold
from typica.typicality.martingale import martingale_score, p_value
from typica.typicality.recordings import RecordingDetector
from typica.typicality.windows import Window, WindowReader

CLIP_S, WINDOW_S = 6.0, 2.0
CLIPS = 40  # of each kind
REFERENCE_CLIPS = 120
OWN_SAMPLES, OWN_S = 64, 0.25  # of the model, for the martingale test
RESAMPLES = 400


def main() -> None:
    """Score clips, and print the AUROC of each detector against each kind of odd clip."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run")
    parser.add_argument("corpus", help="The corpus that the run was trained on.")
    parser.add_argument("speech", type=Path, help="A folder of spoken words.")
    parser.add_argument("--json", type=Path, help="Also write the figures here.")
    options = parser.parse_args()
    run, corpus = load(options.run), open_corpus(options.corpus)
    listener = Listener(run, corpus)
    kinds = dict(clips(corpus, options.speech))
    heard = {name: [listener.hear(clip) for clip in kind] for name, kind in kinds.items()}
    report = {name: table(heard, score) for name, score in detectors(heard["reference"]).items()}
    print_table(report)
    report["martingale"] = martingale_figures(run, heard)
    report["false alarms"] = false_alarms(heard)
    if options.json:
        options.json.write_text(json.dumps(report, indent=2))


class Clip:
    """A stretch of sound, and the recording that it is from."""

    def __init__(self, recording: str, audio: Tensor) -> None:
        self.recording, self.audio = recording, audio


class Heard:
    """What is known of a clip: its windows, and the bits of a Markov chain."""

    def __init__(self, recording: str, windows: list[Window], markov_bits: float) -> None:
        self.recording, self.windows, self.markov_bits = recording, windows, markov_bits
        self.rows = np.array([list(window.statistics().values()) for window in windows])

    def total(self, name: str) -> float:
        """Sum a field over the windows."""
        return float(sum(getattr(window, name) for window in self.windows))

    @property
    def martingale(self) -> float:
        """How many standard deviations the whole clip is from what the model expects."""
        excess = self.total("surprisal") - self.total("entropy")
        return excess / np.sqrt(self.total("variance"))


class Listener:
    """The model, and a first-order Markov chain of the same levels as a background."""

    def __init__(self, run: Run, corpus: Corpus) -> None:
        self.model = run.model
        self.reader = WindowReader(run.model, round(WINDOW_S * run.rate), run.rate)
        fitted = fit_baselines(corpus, run.model.quantiser)
        self.markov = next(one for one in fitted if "Markov" in one.name)

    def hear(self, clip: Clip) -> Heard:
        """Score a clip from silence on."""
        blocks = clip.audio.split(self.reader.size, -1)
        codes = self.model.quantiser.encode(clip.audio[0]).numpy()
        bits = self.markov.bits(codes, 1)
        return Heard(clip.recording, list(self.reader.read(blocks)), bits)


def clips(corpus: Corpus, speech: Path) -> Iterator[tuple[str, list[Clip]]]:
    """Yield kinds of clips by name: reference, usual, then the odd ones."""
    usual = cut(corpus, "test", CLIPS)
    yield "reference", cut(corpus, "valid", REFERENCE_CLIPS)
    yield "usual", usual
    generator = seeded(0)
    length = usual[0].audio.shape[-1]
    levels = np.logspace(-2.5, 0, CLIPS // 2)
    noise = [torch.rand(1, length, generator=generator) * 2 - 1 for _ in levels]
    yield "silence", [Clip("silence", torch.zeros(1, length))]
    yield "white noise", [Clip(f"{n}", n * x) for n, x in zip(levels, noise, strict=True)]
    yield "piano", piano(corpus.rate, length)
    yield "reversed", spoilt(usual, lambda audio: audio.flip(-1))
    yield "clipped", spoilt(usual, clipped)
    yield "band-limited", spoilt(usual, lambda audio: lowpass(audio, corpus.rate))
    yield "speech", spoken(speech, corpus.rate, length)


def cut(corpus: Corpus, split: str, count: int) -> list[Clip]:
    """Cut clips evenly from the recordings of a split, leaving out silent ones."""
    length = round(CLIP_S * corpus.rate)
    recordings = corpus.recordings(split)
    each = -(-count // len(recordings))
    found = []
    for one in recordings:
        for number in range(each):
            start = int((one.length - length) * (number + 0.5) / each)
            audio = corpus.audio(one, start, start + length)
            if audio.abs().max() > 0.01:
                found.append(Clip(one.id, audio))
    return found


def spoilt(usual: list[Clip], change: Callable[[Tensor], Tensor]) -> list[Clip]:
    """Change clips; they still belong to their recordings."""
    return [Clip(clip.recording, change(clip.audio)) for clip in usual]


def clipped(audio: Tensor) -> Tensor:
    """Overdrive by 18 dB and scale back to the peak that it had."""
    peak = audio.abs().max()
    return (8 * audio / peak).clamp(-1, 1) * peak


def lowpass(audio: Tensor, rate: int, cutoff: float = 1000.0) -> Tensor:
    """Take away all above 1 kHz."""
    spectrum = torch.fft.rfft(audio)
    spectrum[..., int(cutoff / rate * audio.shape[-1]) :] = 0
    return torch.fft.irfft(spectrum, audio.shape[-1])


def piano(rate: int, length: int) -> list[Clip]:
    """Another instrument: chorales, played by a synthesiser."""
    chorales = open_corpus("chorales")
    own = round(length * chorales.rate / rate)
    found = []
    for one in chorales.recordings()[:CLIPS]:
        audio = resample(
            chorales.audio(one, 2 * chorales.rate, 2 * chorales.rate + own), chorales.rate, rate
        )
        found.append(Clip(one.id, 0.99 * audio / audio.abs().max()))
    return found


def spoken(folder: Path, rate: int, length: int) -> list[Clip]:
    """Speech: prompts laid end to end until they fill a clip."""
    files = [folder / item.id for item in FolderSource(folder).items()]
    files = [file for file in files if file.suffix == ".wav" and "silence" not in str(file)]
    joined = torch.cat([read_audio(file, rate, normalise="peak") for file in files[:300]], -1)
    parts = joined.split(length, -1)[:CLIPS]
    return [Clip(f"speech {number}", part) for number, part in enumerate(parts)]


Score = Callable[[list[Heard]], np.ndarray]


def detectors(reference: list[Heard]) -> dict[str, Score]:
    """Return functions from clips to oddness, by the detectors' names."""
    log_prob = np.array([-clip.total("surprisal") for clip in reference])
    whole = RecordingDetector(list(reference[0].windows[0].statistics()))
    whole.fit([clip.rows for clip in reference])
    batch = BatchTypicalityTest().fit(
        log_prob.mean() / -len(reference[0].rows), windows_of(reference)
    )
    return {
        "likelihood threshold": by(LikelihoodThreshold().fit(log_prob), nll),
        "one-point typicality": by(OnePointTypicality().fit(log_prob), nll),
        "batch typicality of 3 windows": lambda heard: np.array(
            [batch.test(windows_of([clip])).statistic for clip in heard]
        ),
        "likelihood ratio to Markov": by(LikelihoodRatio().fit(ratio(reference)), ratio),
        "input complexity (FLAC)": by(InputComplexity().fit(complexity(reference)), complexity),
        "martingale, without reference": lambda heard: np.abs([clip.martingale for clip in heard]),
        "DoSE, kernel density": by(DensityOfStates().fit(states(reference)), states),
        "DoSE, one-class SVM": by(DensityOfStatesSVM().fit(states(reference)), states),
        "typica detect (all judges)": lambda heard: np.array(
            [1 - whole.judge(clip.rows).p_value for clip in heard]
        ),
    }


def by(detector: object, statistics: Callable[[list[Heard]], np.ndarray]) -> Score:
    """Score clips by a detector's own statistics."""
    return lambda heard: -detector.score_samples(statistics(heard))  # type: ignore[attr-defined]


def nll(heard: list[Heard]) -> np.ndarray:
    """Log-likelihood of each clip."""
    return np.array([-clip.total("surprisal") for clip in heard])


def windows_of(heard: list[Heard]) -> np.ndarray:
    """Log-likelihoods of all windows."""
    return np.array([-window.surprisal for clip in heard for window in clip.windows])


def ratio(heard: list[Heard]) -> np.ndarray:
    """Log-likelihoods under the model and under the Markov chain."""
    return np.array([[-clip.total("surprisal"), -clip.markov_bits * np.log(2)] for clip in heard])


def complexity(heard: list[Heard]) -> np.ndarray:
    """Log-likelihood and FLAC's bits."""
    return np.array([[-clip.total("surprisal"), clip.total("code_bits")] for clip in heard])


def states(heard: list[Heard]) -> np.ndarray:
    """Mean statistics of a clip's windows."""
    return np.array([clip.rows.mean(0) for clip in heard])


def table(heard: dict[str, list[Heard]], score: Score) -> dict[str, tuple[float, float, float]]:
    """Return AUROC and its 95 % interval against each kind of odd clip."""
    scores = {name: score(clips) for name, clips in heard.items() if name != "reference"}
    usual = [clip.recording for clip in heard["usual"]]
    return {
        name: auroc(scores["usual"], usual, found, [clip.recording for clip in heard[name]])
        for name, found in scores.items()
        if name != "usual"
    }


def auroc(
    usual: np.ndarray, of_usual: list[str], odd: np.ndarray, of_odd: list[str]
) -> tuple[float, float, float]:
    """Return AUROC with a bootstrap interval over recordings, the same ones on both sides."""
    rng = np.random.default_rng(0)
    names, others = sorted(set(of_usual)), sorted(set(of_odd) - set(of_usual))
    rows = {name: [i for i, r in enumerate(of_usual) if r == name] for name in names}
    odd_rows = {name: [i for i, r in enumerate(of_odd) if r == name] for name in {*of_odd}}

    def value(a: np.ndarray, b: np.ndarray) -> float:
        return float(roc_auc_score(np.r_[np.zeros(len(a)), np.ones(len(b))], np.r_[a, b]))

    drawn = []
    for _ in range(RESAMPLES):
        chosen = rng.choice(names, len(names))
        extra = rng.choice(others, len(others)) if others else chosen
        left = np.concatenate([usual[rows[name]] for name in chosen])
        right = np.concatenate([odd[odd_rows[name]] for name in extra])
        drawn.append(value(left, right))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return value(usual, odd), float(low), float(high)


def print_table(report: dict[str, dict[str, tuple[float, float, float]]]) -> None:
    """Print AUROC and intervals."""
    kinds = list(next(iter(report.values())))
    print(f"{'AUROC':32}" + "".join(f"{kind:>20}" for kind in kinds))
    for name, row in report.items():
        cells = [f"{value:.2f} ({low:.2f}-{high:.2f})" for value, low, high in row.values()]
        print(f"{name:32}" + "".join(f"{cell:>20}" for cell in cells))


def martingale_figures(run: Run, heard: dict[str, list[Heard]]) -> dict[str, float]:
    """Print whether the martingale's p-values are uniform: on own samples, on real music."""
    length = round(OWN_S * run.rate)
    drawn = draw_samples(
        run.model,
        OWN_SAMPLES,
        length,
        generator=seeded(0, run.device),
        engine=engine_for(run.model),
        progress=Bars(),
    ).audio
    own = p_value(martingale_score(run.model, drawn).z).numpy()
    real = [clip for name in ("reference", "usual") for clip in heard[name]]
    z = np.array([clip.martingale for clip in real])
    figures = {
        "own samples, KS p-value": float(kstest(own, "uniform").pvalue),
        "held-out music, share of p <= 0.01": float(
            np.mean(p_value(torch.tensor(z)).numpy() <= 0.01)
        ),
        "held-out music, mean z": float(z.mean()),
        "held-out music, sd of z": float(z.std()),
        "held-out music, KS p-value": float(
            kstest(p_value(torch.tensor(z)).numpy(), "uniform").pvalue
        ),
    }
    for name, value in figures.items():
        print(f"martingale, {name}: {value:.3g}")
    return figures


def false_alarms(heard: dict[str, list[Heard]]) -> dict[str, float]:
    """Print how many usual clips `typica detect` calls odd, and how many of each other kind."""
    detector = RecordingDetector(list(heard["usual"][0].windows[0].statistics()))
    detector.fit([clip.rows for clip in heard["reference"]])
    shares = {}
    for name, kind in heard.items():
        if name != "reference":
            p_values = [detector.judge(clip.rows).p_value for clip in kind]
            shares[name] = float(np.mean(np.array(p_values) <= 0.05))
            print(f"typica detect at alpha = 0.05: {shares[name]:.2f} of {name}")
    return shares


if __name__ == "__main__":
    main()
