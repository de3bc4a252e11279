"""Strategies in words, as on the command line and in presets: "nucleus=0.95,top-k=40"."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from typing import Any

from typica.core.errors import ConfigError, did_you_mean
from typica.core.strategy import Strategy
from typica.decoding.chain import Chain, Greedy
from typica.decoding.stages import STAGES, Stage

WITHOUT_NUMBERS: dict[str, type[Strategy]] = {"ancestral": Chain, "greedy": Greedy}
ALIASES = {"top-p": "nucleus", "mirostat-2": "mirostat"}


def strategy_from(words: str | Mapping[str, Any]) -> Strategy:
    """Return the strategy that words name.

    Args:
        words: "ancestral", "greedy", or stages in their order, separated by commas, each
            `name=number`: temperature, top-k, nucleus (or top-p), typical, epsilon, eta, min-p,
            mirostat and mirostat-1; mirostat may be told a second number, its rate, after a colon:
            "mirostat=5:0.1". A mapping, as a preset has it, holds a number or a list of numbers by
            name: {"nucleus": 0.95, "top-k": 40}.

    Raises:
        ConfigError: A name is unknown, a number is missing or is none that it takes.
    """
    if isinstance(words, str):
        if words.strip() in WITHOUT_NUMBERS:
            return WITHOUT_NUMBERS[words.strip()]()
        return Chain(*(_stage(*_split(part)) for part in words.split(",")))
    return Chain(*(_stage(name, _numbers(name, value)) for name, value in words.items()))


def words_of(stages: Iterable[Stage]) -> str:
    """Write stages in words that `strategy_from` reads."""
    parts = [f"{stage.name}={':'.join(map(str, stage.values))}" for stage in stages]
    return ",".join(parts) or "ancestral"


def _split(part: str) -> tuple[str, list[str]]:
    name, _, told = part.partition("=")
    return name.strip(), [value.strip() for value in told.split(":")] if told.strip() else []


def _numbers(name: str, value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _stage(name: str, numbers: list[Any]) -> Stage:
    own = name.lower().replace("_", "-")
    own = ALIASES.get(own, own)
    if own in WITHOUT_NUMBERS:
        raise ConfigError(f"{own} is a strategy by itself: it goes with no other")
    if own not in STAGES:
        known = {*STAGES, *ALIASES, *WITHOUT_NUMBERS}
        raise ConfigError(f"there is no strategy {name!r}: {did_you_mean(own, known)}")
    kind = STAGES[own]
    settings = fields(kind)
    needed = sum(setting.default is MISSING for setting in settings)
    if not needed <= len(numbers) <= len(settings):
        told = ":".join(setting.name.upper() for setting in settings[:needed])
        raise ConfigError(f"{own} takes {_many(needed, len(settings))}, as in {own}={told}")
    return kind(*(_number(own, number) for number in numbers))


def _number(name: str, told: Any) -> float:
    """Return a number, whole where it is written so."""
    if not isinstance(told, bool):
        for kind in (int, float):
            try:
                number = kind(told)
            except (TypeError, ValueError):
                continue
            if isinstance(told, str) or number == told:
                return number
    raise ConfigError(f"{name} takes a number, got {told!r}")


def _many(least: int, most: int) -> str:
    return "one number" if (least, most) == (1, 1) else f"{least} to {most} numbers"
