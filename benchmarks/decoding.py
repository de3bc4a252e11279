"""Samplers: what strategies cost inside the engine, and whether filters keep what others keep.

    python benchmarks/decoding.py [--rounds 15] [--without-cost]

Cost: W64 of benchmarks/engines.py, 32 streams, one thread, CPU time. Ancestral sampling and every
strategy take turns, in windows of 64 samples; a strategy's cost is the median over rounds of its
time to that of ancestral sampling in the same round.

Parity: the kept sets of typica's filters against the logits warpers of `transformers`, if it is
installed (it is no dependency: use a virtual environment of its own), on 10,000 random
distributions over 1,000 tokens in float32, from nearly uniform to nearly certain, a tenth of them
with ties.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from engines import build, tell_machine
from typica.core.engine import Engine, EngineState
from typica.core.randomness import seeded
from typica.decoding import filters
from typica.decoding.words import strategy_from
from typica.engines.compiler import compile

STREAMS, WINDOW = 32, 64
STRATEGIES = [
    *("top-k=40", "nucleus=0.95", "typical=0.9", "min-p=0.05", "epsilon=3e-4", "eta=2e-3"),
    *("mirostat=4", "temperature=0.9,top-k=64,nucleus=0.95", "nucleus=0.95,typical=0.9"),
]
AT_MOST = 1.10  # times the time of ancestral sampling

DISTRIBUTIONS, TOKENS, AT_ONCE = 10_000, 1_000, 500
NEAR = 1e-5  # of a share or a logarithm: rounding may decide


def times(engine: Engine, state: EngineState, strategy: Any, seed: int) -> float:
    """Return the CPU seconds of a window."""
    generator = seeded(seed)
    began = time.thread_time()
    engine.draw(state, WINDOW, strategy=strategy, generator=generator)
    return time.thread_time() - began


def tell_cost(rounds: int) -> bool:
    """Print what each strategy costs; return whether all are cheap enough."""
    model = build()
    engine = compile(model, backend="c++", threads=1)
    state = engine.draw(engine.start(STREAMS), 256, generator=seeded(1)).state
    known = {"ancestral": None} | {words: strategy_from(words) for words in STRATEGIES}
    seconds: dict[str, list[float]] = {words: [] for words in known}
    for round_ in range(rounds + 1):
        for words, strategy in known.items():
            taken = times(engine, state, strategy, round_)
            if round_:
                seconds[words].append(taken)
    base = seconds.pop("ancestral")
    rate = STREAMS * WINDOW / statistics.median(base)
    print(f"{engine.name}, {STREAMS} streams: ancestral sampling {rate:,.0f} samples/s")
    cheap = True
    for words, taken in seconds.items():
        ratio = statistics.median(a / b for a, b in zip(taken, base, strict=True))
        cheap &= ratio <= AT_MOST
        print(f"  {words:<40} {ratio:6.3f} times  {'met' if ratio <= AT_MOST else 'MISSED'}")
    return cheap


# ---- parity


def distributions(count: int, seed: int) -> Tensor:
    """Return logits (count, TOKENS); every tenth row is full of ties."""
    generator = seeded(seed)
    logits = torch.randn(count, TOKENS, generator=generator)
    logits = logits * (6 * torch.rand(count, 1, generator=generator))
    logits[::10] = (logits[::10] * 4).round() / 4
    return logits


def pairs() -> dict[str, tuple[Callable[[Tensor], Tensor], Any]]:
    """Return typica's filter and the warper of transformers, by name and number."""
    from transformers.generation import logits_process as theirs

    kinds = {
        "top-k": (filters.top_k, theirs.TopKLogitsWarper, (1, 40, 500)),
        "nucleus": (filters.nucleus, theirs.TopPLogitsWarper, (0.1, 0.5, 0.95)),
        "typical": (filters.typical, theirs.TypicalLogitsWarper, (0.2, 0.5, 0.95)),
        "min-p": (filters.min_p, theirs.MinPLogitsWarper, (0.02, 0.1, 0.5)),
        "epsilon": (filters.epsilon, theirs.EpsilonLogitsWarper, (3e-4, 3e-3, 0.03)),
        "eta": (filters.eta, theirs.EtaLogitsWarper, (3e-4, 3e-3, 0.03)),
    }
    return {
        f"{name}={number:g}": (_with(ours, number), warper(number))
        for name, (ours, warper, numbers) in kinds.items()
        for number in numbers
    }


def _with(kept: Callable[..., Tensor], number: float) -> Callable[[Tensor], Tensor]:
    return lambda log_probs: kept(log_probs, number)


def tell_parity() -> bool:
    """Print how often kept sets are the same; return whether all other ones are explained."""
    try:
        import transformers
    except ImportError:
        print("transformers is not installed: pip install transformers, or --cost alone")
        return False
    print(f"transformers {transformers.__version__}, {DISTRIBUTIONS:,} distributions")
    print(f"  {'filter':<14} {'same':>7} {'ties':>6} {'rounding':>9} {'other':>6}")
    explained = True
    for name, (ours, warper) in pairs().items():
        found = {"same": 0, "ties": 0, "rounding": 0, "other": 0}
        for seed in range(DISTRIBUTIONS // AT_ONCE):
            logits = distributions(AT_ONCE, seed)
            log_probs = logits.log_softmax(-1)
            mine, other = ours(log_probs), warper(None, logits.clone()) > -math.inf
            for row in range(AT_ONCE):
                found[verdict(name, log_probs[row], mine[row], other[row])] += 1
        explained &= not found["other"]
        print(
            f"  {name:<14} {found['same']:7,} {found['ties']:6,} {found['rounding']:9,} "
            f"{found['other']:6,}"
        )
    return explained


def verdict(name: str, log_probs: Tensor, mine: Tensor, other: Tensor) -> str:
    """Say why two kept sets of a row differ: among equals, by what is met to NEAR, or otherwise.

    Ties: what only one of them keeps has equals. Their top-k keeps all equals at the k-th place and
    ours the lowest; where nothing reaches a threshold theirs keeps all that are as likely as the
    most likely, and ours the lowest of them; their sorts leave open which of equals comes first.
    """
    if mine.equal(other):
        return "same"
    differ = mine ^ other
    wide = log_probs.double()
    entropy = -(wide.exp() * wide).sum()
    key = (wide + entropy).abs() if name.startswith("typical") else wide
    if (
        key[differ].max() - key[differ].min() < 1e-6
        and (key - key[differ][0]).abs().lt(1e-6).sum() > 1
    ):
        return "ties"
    name, _, number = name.partition("=")
    value = float(number)
    if name in ("nucleus", "typical"):
        masses = torch.stack([wide.exp()[kept].sum() for kept in (mine, other, mine & other)])
        near = (masses - value).abs().min() < NEAR
        # In float32 two levels may have changed places.
        if name == "typical":
            near |= (key[differ] - key[mine].max()).abs().max() < NEAR
        return "rounding" if near else "other"
    floors = {
        "epsilon": math.log(value),
        "eta": min(math.log(value), 0.5 * math.log(value) - float(entropy)),
        "min-p": math.log(value) + float(wide.max()),
    }
    if name in floors:
        return "rounding" if (wide[differ] - floors[name]).abs().max() < NEAR else "other"
    return "other"


@torch.inference_mode()
def main() -> int:
    """Print the figures; 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--without-cost", action="store_true", help="parity alone")
    options = parser.parse_args()
    torch.set_num_threads(1)
    tell_machine()
    met = options.without_cost or tell_cost(options.rounds)
    return int(not (tell_parity() and met))


if __name__ == "__main__":
    raise SystemExit(main())
