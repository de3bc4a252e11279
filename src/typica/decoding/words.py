"""Strategies in words, as on the command line and in presets: "nucleus=0.95,top-k=40"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typica.core.errors import ConfigError, did_you_mean
from typica.core.strategy import Strategy
from typica.decoding.chain import Chain, Greedy
from typica.decoding.reader import check_alone, split_words, told
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
        parts = [split_words(part) for part in words.split(",")]
        name, numbers = parts[0]
        if len(parts) == 1 and name in WITHOUT_NUMBERS:
            check_alone(name, numbers)
            return WITHOUT_NUMBERS[name]()
        return Chain(*(_stage(*part) for part in parts))
    return Chain(*(_stage(name, _numbers(value)) for name, value in words.items()))


def _numbers(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _stage(name: str, numbers: list[Any]) -> Stage:
    own = name.lower().replace("_", "-")
    own = ALIASES.get(own, own)
    if own in WITHOUT_NUMBERS:
        raise ConfigError(f"{own} is a strategy by itself: it goes with no other")
    if own not in STAGES:
        known = {*STAGES, *ALIASES, *WITHOUT_NUMBERS}
        raise ConfigError(f"there is no strategy {name!r}: {did_you_mean(own, known)}")
    return told(own, STAGES[own], numbers)
