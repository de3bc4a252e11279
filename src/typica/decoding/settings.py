"""How a run is drawn from unless something else is asked for: the table `sampling` of a preset."""

from __future__ import annotations

from dataclasses import dataclass

from typica.core.config import Config
from typica.core.temperature import check_temperature
from typica.decoding.plan import plan_from


@dataclass(frozen=True)
class SamplingConfig(Config):
    """What `typica sample` and `typica stream` do with a run that are told nothing else.

    Attributes:
        temperature: Of each step.
        strategy: In the words of `typica.decoding.plan.plan_from`, as in "nucleus=0.95".
    """

    temperature: float = 1.0
    strategy: str = "ancestral"

    def __post_init__(self) -> None:
        check_temperature(self.temperature)
        plan_from(self.strategy)
