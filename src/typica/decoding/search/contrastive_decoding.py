"""Contrastive decoding: what an expert finds likelier than an amateur does.

Source: Li et al., 2022, https://arxiv.org/abs/2210.15097, section 3. Not to be taken for
contrastive search, which looks at the hidden vectors of one model.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.distributions import Distribution

from typica.core.engine import Engine, EngineState
from typica.core.errors import ConfigError
from typica.core.progress import SILENT, Progress
from typica.core.session import Session, open_session
from typica.decoding.generation import Generation
from typica.decoding.search.hypotheses import Beam, Rules
from typica.decoding.search.ranking import check_length, has_ended, listed, repeated
from typica.decoding.search.reward import NoReward

LEAST = -1e4  # nats: probabilities below exp of this are 0 in float64 too


@torch.no_grad()
def contrastive_decoding(
    expert: Engine,
    expert_state: EngineState,
    amateur: Engine,
    amateur_state: EngineState,
    length: int,
    *,
    width: int = 5,
    n_best: int = 1,
    plausibility: float = 0.1,
    amateur_temperature: float = 1.0,
    progress: Progress = SILENT,
) -> Generation:
    """Search with a beam for sequences that the expert finds much likelier than the amateur.

    A symbol is worth log p of the expert less log p of the amateur. Only those count that are at
    least `plausibility` times as likely as the expert's likeliest: else rare symbols would win.

    Args:
        expert: What takes the expert's steps.
        expert_state: Where it goes on from; each row is a source.
        amateur: A smaller or less trained model of the same symbols.
        amateur_state: Where it goes on from, with as many rows.
        length: Symbols at most.
        width: Hypotheses of each source.
        n_best: Sequences wanted of each source.
        plausibility: From above 0 to 1, which is greedy decoding of the expert.
        amateur_temperature: What the amateur's log-probabilities are divided by.
        progress: Hears how far it is.

    Returns:
        For each source its best: `score` is the difference, `log_prob` the expert's alone. It
        stops when `width` hypotheses have come to their end: differences have no bound.

    Raises:
        ConfigError: A number is out of range, the two do not fit, or their distributions cannot
            be listed.
    """
    _check(plausibility, amateur_temperature)
    if expert_state.count != amateur_state.count or expert.model.final != amateur.model.final:
        raise ConfigError("expert and amateur must go on from as many rows, and end alike")
    rules = Rules(width, n_best, _Unbounded(), "pool")
    strong = open_session(expert, repeated(expert_state, width))
    weak = open_session(amateur, repeated(amateur_state, width))
    pair = _Pair(strong, weak, math.log(plausibility), amateur_temperature)
    ended = has_ended(expert, expert_state)
    beam = Beam(expert, pair, ended, check_length(length), rules, pair.differences)
    found = beam.run(progress, "contrastive decoding")
    log_prob = _log_prob(expert, expert_state, found)
    return replace(found, log_prob=log_prob.masked_fill(ended[found.source], 0.0))


def _check(plausibility: float, amateur_temperature: float) -> None:
    if not 0 < plausibility <= 1:
        raise ConfigError(f"plausibility must be above 0 and at most 1, got {plausibility:g}")
    if not 0 < amateur_temperature < math.inf:
        raise ConfigError(f"amateur_temperature must be above 0, got {amateur_temperature:g}")


@dataclass(frozen=True)
class _Unbounded(NoReward):
    """Scores that may rise as well as fall."""

    def bound(self, log_prob: Tensor, length: int, longest: int) -> Tensor:
        return torch.full_like(log_prob, torch.inf)


class _Pair(Session):
    """Both models on the same hypotheses."""

    def __init__(self, expert: Session, amateur: Session, least: float, temperature: float) -> None:
        self.expert, self.amateur = expert, amateur
        self.least, self.temperature = least, temperature
        self.weaker: Distribution | None = None

    def step(self) -> Distribution:
        """See `Session.step`: what the expert says."""
        self.weaker = self.amateur.step()
        return self.expert.step()

    def choose(self, parents: Tensor, symbols: Tensor) -> None:
        """See `Session.choose`."""
        self.expert.choose(parents, symbols)
        self.amateur.choose(parents, symbols)

    def state(self) -> EngineState:
        """See `Session.state`: the expert's."""
        return self.expert.state()

    def differences(self, distribution: Distribution) -> Tensor:
        """Return what all symbols are worth, (rows, symbols)."""
        assert self.weaker is not None
        strong = listed(distribution)
        weak = listed(self.weaker).to(strong.device)
        if strong.shape != weak.shape:
            raise ConfigError(
                f"expert and amateur must know the same symbols, got {strong.shape[1]} and "
                f"{weak.shape[1]}"
            )
        if self.temperature != 1:
            weak = (weak / self.temperature).log_softmax(-1)
        is_plausible = strong >= strong.max(-1, keepdim=True).values + self.least
        # What the amateur deems impossible is worth much, not more than can be added up.
        return (strong - weak.clamp_min(LEAST)).where(is_plausible, -torch.inf)


def _log_prob(engine: Engine, state: EngineState, found: Generation) -> Tensor:
    """Return the log-likelihood of what was found, in nats, (count,)."""
    distribution, _ = engine.follow(found.symbols, state.pick(found.source.tolist()))
    log_prob = distribution.log_prob(found.symbols).to(found.score.dtype)
    index = torch.arange(log_prob.shape[1], device=log_prob.device)
    return log_prob.where(index < found.lengths[:, None], 0.0).sum(1)
