"""What greed and low temperatures make of a trained run, unprimed and primed by recordings.

    python benchmarks/greed.py RUN [--count 16] [--seconds 4]

First table: streams from silence, and from two seconds of held-out recordings, decoded greedily, by
a beam and at several temperatures; the recordings' own figures come last. Second table: the
noisiest moments of the recordings (spectral flatness), each gone on from for 64 ms: level and sign
changes by temperature, beside what the recordings do there. Third table: streams from silence by
strategies, without their first 3 s.
"""

from __future__ import annotations

import argparse
import math

import torch
from torch import Tensor

from typica.core.engine import Engine
from typica.core.randomness import seeded
from typica.core.run import load
from typica.data.corpus import Corpus
from typica.data.of_run import corpus_of
from typica.decoding.plan import plan_from
from typica.decoding.search.beam import beam_search
from typica.engines.compiler import compile as compile_engine
from typica.evaluation.health import Health, examine, mean_health
from typica.signal.loudness import level_db
from typica.signal.spectrum import flatness

TEMPERATURES = (0.0, 0.3, 0.5, 0.7, 0.9, 1.0, 1.2)
STRATEGIES = (
    *("ancestral", "temperature=0.9", "nucleus=0.99", "typical=0.98", "min-p=0.02"),
    *("mirostat=1.5", "mirostat=2"),
)
WIDTH = 8
PRIMING_S, PASSAGE_S, WINDOW = 2.0, 0.064, 256
AUDIBLE = 0.01  # rms of a window: softer moments are not looked at


def main() -> None:
    """Print two tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run")
    parser.add_argument("--count", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=4.0)
    options = parser.parse_args()
    run = load(options.run, "cpu")
    engine, corpus = compile_engine(run.model), corpus_of(run)
    streams(engine, corpus, options.count, options.seconds)
    noisy(engine, corpus, options.count)
    strategies(engine, corpus.rate)


def streams(engine: Engine, corpus: Corpus, count: int, seconds: float) -> None:
    """Print figures of streams, primed and not."""
    rate, length = corpus.rate, round(seconds * corpus.rate)
    clips = beginnings(corpus, count, round(PRIMING_S * rate), length)
    prompts, real = clips[..., :-length], clips[..., -length:]
    print(f"{count} streams of {seconds:g} s\n{'':28} level dB  silent  flatness  periodic  bits")
    for where, prompt in (("silence", None), ("recordings", prompts)):
        state = engine.start(count, prompt=prompt)
        for temperature in TEMPERATURES:
            drawn = engine.draw(state, length, temperature=temperature, generator=seeded(1))
            name = f"T = {temperature:g}" if temperature else "greedy"
            tell(f"{name} from {where}", engine, drawn.symbols, drawn.log_prob.sum(1), rate)
        found = beam_search(engine, state, length, width=WIDTH, n_best=1)
        tell(f"beam {WIDTH} from {where}", engine, found.symbols, found.log_prob, rate)
    line("recordings", mean_health([examine(clip, rate) for clip in real]), math.nan)


def tell(name: str, engine: Engine, symbols: Tensor, log_prob: Tensor, rate: int) -> None:
    """Print the figures of symbols (count, length)."""
    audio = engine.model.render(symbols)
    bits = -log_prob.double().mean().item() / symbols.shape[1] / math.log(2)
    line(name, mean_health([examine(clip, rate) for clip in audio]), bits)


def line(name: str, health: Health, bits: float) -> None:
    """Print a row; what silence leaves nothing of is a dash."""
    known = [
        "        -" if value is None else f"{value:9.4f}"
        for value in (health.flatness, health.periodicity)
    ]
    silence = f"{health.silence:7.1%}"
    print(f"{name:28} {health.level_db:8.1f} {silence} {' '.join(known)} {bits:6.3f}", flush=True)


def noisy(engine: Engine, corpus: Corpus, count: int) -> None:
    """Print how level and sign changes of noisy passages follow temperature."""
    rate, length = corpus.rate, round(PASSAGE_S * corpus.rate)
    clips = noisiest(corpus, count, round(PRIMING_S * rate), length)
    state = engine.start(count, prompt=clips[..., :-length])
    print(f"\n{count} noisiest passages, {1000 * PASSAGE_S:g} ms each\n{'':28} level dB  changes/s")
    for temperature in TEMPERATURES:
        symbols = engine.draw(state, length, temperature=temperature, generator=seeded(1)).symbols
        passage(f"T = {temperature:g}", engine.model.render(symbols), rate)
    passage("recordings", clips[..., -length:], rate)


def strategies(engine: Engine, rate: int) -> None:
    """Print figures of streams by strategies that narrow what may be drawn."""
    print(f"\n6 streams of 15 s from silence\n{'':28} level dB  silent  flatness  periodic  bits")
    state = engine.start(6)
    for words in STRATEGIES:
        drawn = engine.draw(state, 15 * rate, strategy=plan_from(words), generator=seeded(5))
        later = slice(3 * rate, None)
        tell(words, engine, drawn.symbols[:, later], drawn.log_prob[:, later].sum(1), rate)


def passage(name: str, audio: Tensor, rate: int) -> None:
    """Print level and sign changes of audio (count, 1, time)."""
    level = float(level_db(audio.flatten()))
    changes = (audio[..., 1:].sign() != audio[..., :-1].sign()).double().mean().item() * rate
    print(f"{name:28} {level:8.1f} {changes:10.0f}")


def beginnings(corpus: Corpus, count: int, before: int, after: int) -> Tensor:
    """Return excerpts of recordings held out for testing, (count, 1, before + after)."""
    recordings, clips = corpus.recordings("test"), []
    for number in range(count):
        recording = recordings[number % len(recordings)]
        span = recording.length - before - after
        start = span * (number // len(recordings)) // max(1, -(-count // len(recordings)))
        clips.append(corpus.audio(recording, start, start + before + after))
    return torch.stack(clips)


def noisiest(corpus: Corpus, count: int, before: int, after: int) -> Tensor:
    """Return excerpts whose noisiest window lies where the continuation begins."""
    moments = []
    for recording in corpus.recordings("test"):
        audio = corpus.audio(recording)[0]
        windows = audio[: len(audio) // WINDOW * WINDOW].view(-1, WINDOW)
        loud = windows.square().mean(1).sqrt() > AUDIBLE
        flat = flatness(audio[: len(windows) * WINDOW], window=WINDOW, hop=WINDOW // 2)
        flat = flat[..., ::2][: len(windows)]
        for place in flat.where(loud[: len(flat)], torch.tensor(0.0)).topk(count).indices.tolist():
            start = place * WINDOW - before
            if start >= 0 and start + before + after <= len(audio):
                moments.append((float(flat[place]), recording, start))
    moments.sort(key=lambda moment: -moment[0])
    return torch.stack(
        [corpus.audio(one, start, start + before + after) for _, one, start in moments[:count]]
    )


if __name__ == "__main__":
    main()
