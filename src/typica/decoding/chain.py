"""Strategies that draw symbol after symbol: stages one after another, or the most likely."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution, Normal

from typica.core.errors import ConfigError
from typica.core.randomness import Randomness, draw
from typica.core.strategy import Choice, Instruction, Strategy
from typica.core.temperature import most_likely
from typica.decoding.candidates import Candidates
from typica.decoding.filters import check_rows
from typica.decoding.gaussian import Gaussian
from typica.decoding.listed import Listed
from typica.decoding.stages import Stage, Temperature
from typica.decoding.strata import Strata, Stratified

MOST_LISTED = 4096  # values of a distribution that are listed at each step


@dataclass(frozen=True, init=False)
class Chain(Strategy):
    """Stages from left to right, each on what the one before left, normalised again; then a draw.

    Without stages, or where none of them changes anything, it is ancestral sampling, bit for bit.
    The order matters: top-k then nucleus takes a share of the `k`, nucleus then top-k of all.

    Attributes:
        stages: In their order.
    """

    stages: tuple[Stage, ...]

    def __init__(self, *stages: Stage) -> None:
        object.__setattr__(self, "stages", stages)

    def __str__(self) -> str:
        """Write it as `typica.decoding.words.strategy_from` reads it."""
        return ",".join(map(str, self.stages)) or "ancestral"

    @cached_property
    def program(self) -> tuple[Instruction, ...] | None:
        """See `Strategy.program`; of no instruction where it is ancestral sampling."""
        told = [stage.instruction for stage in self._active]
        program = tuple(instruction for instruction in told if instruction is not None)
        return program if len(program) == len(told) else None

    def begin(self, count: int) -> Tensor:
        """See `Strategy.begin`."""
        numbers = [number for stage in self._active for number in stage.begin()]
        return torch.tensor(numbers, dtype=torch.float32).expand(count, -1).clone()

    def choose(
        self, distribution: Distribution, memory: Tensor, generator: Randomness = None
    ) -> Choice:
        """See `Strategy.choose`."""
        if isinstance(distribution, Categorical):
            check_rows(distribution.logits)
        if not self._active:
            symbols = draw(distribution, generator)
            return Choice(symbols, distribution.log_prob(symbols), memory)
        parts = memory.split(self._numbers, 1)
        given, candidates = [], candidates_of(distribution)
        for stage, part in zip(self._active, parts, strict=True):
            given.append(candidates)
            candidates = stage.narrow(candidates, part)
        symbols, log_draw = candidates.draw(generator)
        turns = zip(self._active, given, parts, strict=True)
        after = [stage.remember(seen, symbols, part) for stage, seen, part in turns]
        return Choice(symbols, log_draw, torch.cat(after, 1))

    @cached_property
    def _active(self) -> tuple[Stage, ...]:
        return tuple(stage for stage in self.stages if not stage.is_neutral)

    @cached_property
    def _numbers(self) -> list[int]:
        return [stage.numbers for stage in self._active]


@dataclass(frozen=True)
class Greedy(Strategy):
    """The most likely symbol each time; of equals the lowest."""

    def __str__(self) -> str:
        """Write it as `typica.decoding.words.strategy_from` reads it."""
        return "greedy"

    @property
    def program(self) -> tuple[Instruction, ...] | None:
        """See `Strategy.program`."""
        return Chain(Temperature(0)).program

    def begin(self, count: int) -> Tensor:
        """See `Strategy.begin`."""
        return torch.empty(count, 0)

    def choose(
        self, distribution: Distribution, memory: Tensor, generator: Randomness = None
    ) -> Choice:
        """See `Strategy.choose`."""
        if isinstance(distribution, Categorical):
            check_rows(distribution.logits)
        symbols = most_likely(distribution)
        log_draw = torch.zeros(symbols.shape, device=symbols.device)
        return Choice(symbols, log_draw, memory)


def leaves_out(strategy: Strategy | None) -> bool:
    """Tell whether a strategy may give probability 0 to what the model deems possible."""
    if not isinstance(strategy, Chain):
        return strategy is not None
    return any(
        stage.temperature == 0 if isinstance(stage, Temperature) else not stage.is_neutral
        for stage in strategy.stages
    )


def candidates_of(distribution: Distribution) -> Candidates:
    """Return all values of a distribution as candidates.

    Raises:
        ConfigError: No strategy is known for distributions of this kind.
    """
    if isinstance(distribution, Normal):
        return Gaussian(distribution)
    if isinstance(distribution, Categorical):
        return Listed.of(distribution)
    if distribution.has_enumerate_support and not distribution.event_shape:
        if len(distribution.enumerate_support(expand=False)) <= MOST_LISTED:
            return Listed.of(distribution)
        if isinstance(distribution, Stratified):
            return Strata(distribution)
    raise ConfigError(f"no strategy is known for draws from {type(distribution).__name__}")
