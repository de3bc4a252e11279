"""Population-based training: members take turns, the worst take over the best and explore.

Source: Jaderberg et al., 2017, https://arxiv.org/abs/1711.09846: truncation selection and
perturbation, section 4.1.1; for codebooks that collapse, Dieleman et al., 2018,
https://arxiv.org/abs/1806.10474.
Departs from them: members wait for one another, so that a seed gives one history; a quarter is
replaced, not a fifth; factors are 0.8 and 1.25, whose product is 1, not 0.8 and 1.2.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import nn

from typica.core.config import Config
from typica.core.errors import ConfigError, RunError
from typica.core.model import ExplicitModel
from typica.training.exploring import chosen, put, scale, value
from typica.training.fitness import Fitness
from typica.training.learner import Draw, Learner, own_randomness
from typica.training.schedule import share_done

Judging = Callable[[ExplicitModel], Fitness]
"""Judges all members alike."""


@dataclass(frozen=True)
class PopulationConfig(Config):
    """How a population is trained.

    Attributes:
        members: How many; the first begins with the settings as given.
        every: Steps that each member takes between two looks at all.
        share: Part of the members that is replaced at a look, and part that may be copied; of few
            members one.
        use_weight: Bits a sample that twice the perplexity of the use of codes is worth.
        explore: Hyper-parameters that differ between members and are perturbed, as in
            "likelihood.learning_rate" or "model.commitment"; none for all that can be.
        factors: One of these, drawn at random, multiplies each of them in a copy.
        spread: The others begin with each of them multiplied by up to this, or divided.
    """

    members: int = 4
    every: int = 250
    share: float = 0.25
    use_weight: float = 0.05
    explore: tuple[str, ...] = ()
    factors: tuple[float, ...] = (0.8, 1.25)
    spread: float = 3.0

    def __post_init__(self) -> None:
        where = "population"
        self.check_at_least(2, "members", where=where)
        self.check_at_least(1, "every", "spread", where=where)
        self.check_at_least(0, "use_weight", where=where)
        if not 0 < self.share <= 0.5:
            raise ConfigError(f"{where}.share is above 0 and at most 0.5, got {self.share}")
        if not self.factors or not all(0 < one < math.inf and one != 1 for one in self.factors):
            raise ConfigError(f"{where}.factors are above 0 and none is 1, got {self.factors}")


class Member(NamedTuple):
    """One of a population, with weights, hyper-parameters and batches of its own."""

    learner: Learner
    draw: Draw


class Look(NamedTuple):
    """What a look at all members showed, in their order.

    Attributes:
        step: Steps that each has taken.
        fitness: Of each.
        settings: The hyper-parameters by which each had come there.
        copied: Who took whom over, after it.
    """

    step: int
    fitness: list[Fitness]
    settings: list[dict[str, float]]
    copied: dict[int, int]

    @property
    def best(self) -> int:
        """The fittest member."""
        return ranked(self.fitness)[0]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, ready for a line of JSON; what is no number becomes null."""
        members = [
            {n: v if v is not None and math.isfinite(v) else None for n, v in one._asdict().items()}
            | {"took_over": self.copied.get(number), "settings": settings}
            for number, (one, settings) in enumerate(zip(self.fitness, self.settings, strict=True))
        ]
        return {"step": self.step, "best": self.best, "members": members}


class Population:
    """Learners that have begun alike but for their weights' seeds and their hyper-parameters.

    Nothing depends on the order in which members are trained: the noise of a step is its own, and
    each draw of a look is of the seed, the step and the member.

    Args:
        members: At least two, none of which has taken a step.
        judge: Judges a running average.
        config: How they compete.
        seed: Of all that is drawn.

    Attributes:
        explored: The hyper-parameters that members differ in.
    """

    def __init__(
        self, members: Sequence[Member], judge: Judging, config: PopulationConfig, seed: int
    ) -> None:
        self.members, self.judge, self.config, self.seed = list(members), judge, config, seed
        first = self.members[0].learner
        self.explored = chosen(first.model, first.phase_configs, config.explore)
        for number in range(1, len(self.members)):
            for name in self.explored:
                power = self._random("start", number, name).uniform(-1, 1)
                scale(self.members[number].learner, name, config.spread**power)

    def advance(
        self,
        until: int,
        order: Iterable[int] | None = None,
        after: Callable[[], None] = lambda: None,
    ) -> None:
        """Train members, in an order, until each has taken so many steps.

        Args:
            until: Steps from the beginning.
            order: Of the members; by their numbers unless told otherwise.
            after: Called after each step.
        """
        for number in range(len(self.members)) if order is None else order:
            learner, draw = self.members[number]
            with own_randomness(learner.processes.device):
                while learner.steps < until:
                    learner.step(draw, share_done(learner.config, learner.steps, 0.0))
                    after()
            for optimiser in learner.optimisers.values():
                optimiser.clear()  # gradients are kept for one member at a time

    def compete(self, *, last: bool = False) -> Look:
        """Look at all members; unless it is the last look, the worst take over some of the best.

        Raises:
            RunError: None of them has a fitness that is a number.
        """
        step = self.members[0].learner.steps
        fitness = [self.judge(_average(member.learner)) for member in self.members]
        if not any(math.isfinite(one.value) for one in fitness):
            raise RunError(
                f"no member's held-out bits are a number any more at step {step}: begin anew with "
                f"a lower learning_rate"
            )
        look = Look(step, fitness, self.settings(), {} if last else self._pairs(fitness, step))
        for worse, better in look.copied.items():
            self._take_over(worse, better, step)
        return look

    def settings(self) -> list[dict[str, float]]:
        """Return the explored hyper-parameters of each member."""
        return [{n: value(one.learner, n) for n in self.explored} for one in self.members]

    def _pairs(self, fitness: Sequence[Fitness], step: int) -> dict[int, int]:
        """Choose who takes over whom: the worst share, and whoever diverged, some of the best."""
        order = ranked(fitness)
        count = max(1, int(len(order) * self.config.share))
        lost = {number for number in order if not math.isfinite(fitness[number].value)}
        best = [number for number in order[:count] if number not in lost]
        return {
            worse: self._random(step, worse).choice(best)
            for worse in sorted({*order[-count:], *lost})
        }

    def _take_over(self, worse: int, better: int, step: int) -> None:
        """Exploit and explore."""
        source, target = self.members[better].learner, self.members[worse].learner
        copy(source, target)
        for name in self.explored:
            put(target, name, value(source, name))
            scale(target, name, self._random(step, worse, name).choice(self.config.factors))

    def _random(self, *what: object) -> random.Random:
        return random.Random(repr((self.seed, *what)))


def ranked(fitness: Sequence[Fitness]) -> list[int]:
    """Return members from the fittest on; of equals the lower number, last what is no number."""
    values = [one.value if math.isfinite(one.value) else -math.inf for one in fitness]
    return sorted(range(len(values)), key=lambda number: (-values[number], number))


def copy(source: Learner, target: Learner) -> None:
    """Make a learner go on from where another stands, with its own hyper-parameters.

    Copied are weights and buffers, their running average, the optimisers' state, what phases
    carry and how far it is. Nothing is shared afterwards.
    """
    target.model.load_state_dict(source.model.state_dict())
    target.average.model.load_state_dict(source.average.model.state_dict())
    target.average.updates = source.average.updates
    for name, optimiser in source.optimisers.items():
        # Adam moves its state in place, and `restore` keeps the tensors that it is given.
        target.optimisers[name].restore({n: t.clone() for n, t in optimiser.tensors().items()})
    target.steps, target.began = source.steps, list(source.began)
    target.carried = dict(source.carried)  # states are never changed in place


def held_bytes(learner: Learner) -> int:
    """Return the bytes of a member between its turns: weights, average, Adam's two moments."""
    model = learner.model
    own = _bytes(model.parameters()) + _bytes(model.buffers())
    return 2 * own + 2 * sum(_bytes(phase.parameters) for phase in learner.phases)


def _bytes(tensors: Iterable[Any]) -> int:
    return sum(tensor.nbytes for tensor in tensors)


def _average(learner: Learner) -> ExplicitModel:
    model: nn.Module = learner.average.model
    assert isinstance(model, ExplicitModel)
    return model
