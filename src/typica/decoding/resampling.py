"""Temperature of whole sequences, p(x)^(1/T) / Z, by importance resampling.

A temperature of each step is another distribution: it divides by a normaliser of its own after each
past, where the whole has one. Sequences are drawn at a temperature of each step, weighted by what
they should be likely over what they are, and drawn again by these weights.

Source: Rubin 1987 (sampling importance resampling); Kong 1992 (effective sample size).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from typica.core.counts import check_whole
from typica.core.device import wide_on
from typica.core.engine import Engine, EngineState
from typica.core.errors import ConfigError, ShapeError
from typica.core.progress import SILENT, Progress
from typica.core.randomness import Randomness, uniforms_like
from typica.core.strategy import Strategy
from typica.core.temperature import check_temperature
from typica.decoding.chain import leaves_out
from typica.decoding.generation import Generation
from typica.decoding.sequences import batches, concatenated


@dataclass(frozen=True, eq=False)
class Importance:
    """Weights of draws from one distribution that stand for another.

    Attributes:
        weights: Adding up to 1, float64, (draws,).
        effective: Draws of the other distribution that are worth as much, by Kong's formula
            1 / sum of squares. It knows only what was drawn: where nothing was drawn that is likely
            under the other distribution, it may be high and wrong.
        log_mean: Logarithm of the mean of the weights before they were normalised: the ratio of the
            two distributions' normalisers.
    """

    weights: Tensor
    effective: float
    log_mean: float


@dataclass(frozen=True, eq=False)
class Tempered:
    """Sequences at a temperature of the whole.

    Attributes:
        sequences: Drawn again by weight, (count,): one may come several times. `log_draw` is that
            of the first drawing.
        draws: All that were drawn first.
        importance: Weights of `draws`, as for `minimum_bayes_risk(..., weights=)`; `log_mean` is
            log Z, with Z the sum of p(x)^(1/T).
        chosen: Which of `draws` the sequences are, (count,).
    """

    sequences: Generation
    draws: Generation
    importance: Importance
    chosen: Tensor


def importance(log_target: Tensor, log_draw: Tensor) -> Importance:
    """Weigh draws by what they should be likely over what they were.

    Args:
        log_target: Log-likelihood under the wanted distribution, up to a constant, (draws,).
        log_draw: Log-likelihood under what was drawn from, (draws,).

    Raises:
        ShapeError: They are not as many, or there are none.
        ConfigError: A ratio is not finite, or all are 0.
    """
    if log_target.ndim != 1 or log_target.shape != log_draw.shape or not len(log_target):
        raise ShapeError(
            f"log-likelihoods must have shape (draws,), got {tuple(log_target.shape)} and "
            f"{tuple(log_draw.shape)}"
        )
    ratio = (log_target.cpu().double() - log_draw.cpu().double()).detach()
    if bool(ratio.isnan().any()) or float(ratio.max()) in (math.inf, -math.inf):
        raise ConfigError("importance weights must be finite numbers, and not all 0")
    weights = ratio.softmax(0)
    log_mean = float(ratio.logsumexp(0)) - math.log(len(ratio))
    return Importance(weights, float(1 / weights.square().sum()), log_mean)


def resample(
    weights: Tensor,
    count: int,
    *,
    scheme: Literal["multinomial", "systematic"] = "multinomial",
    generator: torch.Generator | None = None,
) -> Tensor:
    """Draw numbers in proportion to weights, with replacement, int64 (count,).

    Args:
        weights: At least 0, (draws,); they need not add up to 1.
        count: Numbers to draw.
        scheme: "multinomial" draws each for itself. "systematic" goes through the weights in equal
            steps from one random start: each comes within one of its expected number of times, and
            the result, in rising order, is not independent.
        generator: Where the randomness comes from, on any device.

    Raises:
        ConfigError: The weights are no weights, or `count` is below 1.
    """
    weights = weights.cpu().double()
    if weights.ndim != 1 or not bool((weights >= 0).all()) or not 0 < weights.sum() < math.inf:
        raise ConfigError("weights must be a row of finite numbers of at least 0, not all 0")
    if count < 1:
        raise ConfigError(f"at least 1 must be drawn, got {count}")
    if scheme not in ("multinomial", "systematic"):
        raise ConfigError(f"resampling is multinomial or systematic, not {scheme!r}")
    cumulative = weights.cumsum(0)
    device = generator.device if generator else weights.device
    shape = count if scheme == "multinomial" else 1
    empty = torch.empty(shape, device=device, dtype=wide_on(device))
    points = uniforms_like(empty, generator).cpu().double()
    if scheme == "systematic":
        points = (torch.arange(count) + points) / count
    # On the right, so that a weight of 0 is never drawn, not even by the point 0.
    found = torch.searchsorted(cumulative, points * cumulative[-1], right=True)
    return found.clamp_max(int(weights.nonzero().max()))


def globally_tempered(
    engine: Engine,
    state: EngineState,
    length: int,
    temperature: float,
    *,
    count: int = 1,
    draws: int = 1024,
    batch: int = 64,
    proposal: float | None = None,
    strategy: Strategy | None = None,
    least_effective: float = 50.0,
    scheme: Literal["multinomial", "systematic"] = "multinomial",
    generator: Randomness = None,
    progress: Progress = SILENT,
) -> Tempered:
    """Draw sequences with probability p(x)^(1/T) / Z: the temperature of the whole.

    Args:
        engine: What takes the steps.
        state: Where to go on from, one row.
        length: Symbols of a sequence, at most.
        temperature: T, above 0. At 1 it is ancestral sampling.
        count: Sequences wanted, drawn again from among `draws`.
        draws: Sequences drawn first. The result is exact in the limit of many.
        batch: Sequences drawn side by side.
        proposal: Temperature of each step of the first drawing; `temperature` if left out, so that
            only the normalisers of the steps are left to be weighed.
        strategy: Of the first drawing; none that leaves symbols out.
        least_effective: Draws that the weights must be worth, or it is refused.
        scheme: See `resample`.
        generator: Where the randomness comes from, on the engine's device: one; or one for each of
            `draws`, and then one for drawing again.
        progress: Hears how many were drawn.

    Raises:
        ConfigError: The weights are worth fewer than `least_effective` draws; a number is out of
            its range; the strategy leaves something out; or the state has several rows.
    """
    proposal = temperature if proposal is None else proposal
    _check(temperature, proposal, strategy, count=count, draws=draws, batch=batch)
    streams, last = _streams(generator, draws)
    many: dict[str, Any] = {"draws": draws, "batch": batch, "generator": streams}
    drawing = batches(engine, state, length, **many, temperature=proposal, strategy=strategy)
    first = _all(drawing, draws, engine.model.final, progress)
    found = importance(first.log_prob / temperature, first.log_draw)
    _check_worth(found, temperature, draws, least_effective)
    chosen = resample(found.weights, count, scheme=scheme, generator=last)
    return Tempered(first.pick(chosen.to(first.source.device)), first, found, chosen)


def _streams(generator: Randomness, draws: int) -> tuple[Randomness, torch.Generator | None]:
    """Return where the first drawing's randomness comes from, and the second's."""
    if generator is None or isinstance(generator, torch.Generator):
        return generator, generator
    if len(generator) != draws + 1:
        raise ConfigError(
            f"{draws} draws and the choice among them need {draws + 1} generators, or one for "
            f"all, got {len(generator)}"
        )
    return generator[:-1], generator[-1]


def _all(
    drawing: Iterable[Generation], draws: int, final: int | None, progress: Progress
) -> Generation:
    parts = []
    with progress.task("sampling", total=draws, unit="sequences") as task:
        for part in drawing:
            parts.append(part)
            task.advance(len(part))
    return concatenated(parts, final)


def _check(temperature: float, proposal: float, strategy: Strategy | None, **counts: int) -> None:
    for value in (temperature, proposal):
        check_temperature(value)
        if not value:
            raise ConfigError("at temperature 0 there is but one sequence: search for it")
    check_whole(**counts)
    if leaves_out(strategy):
        raise ConfigError(
            f"{strategy} leaves sequences out, and no weight brings them back: draw the first "
            f"sequences by temperature alone"
        )


def _check_worth(found: Importance, temperature: float, draws: int, least: float) -> None:
    if found.effective < least:
        raise ConfigError(
            f"at temperature {temperature:g} the {draws} sequences drawn are worth "
            f"{found.effective:.3g}, fewer than least_effective={least:g}: draw more, "
            f"shorter ones, or at a temperature nearer to 1"
        )
