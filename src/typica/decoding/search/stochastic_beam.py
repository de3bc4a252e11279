"""Stochastic beam search: several sequences drawn at once, none of them twice.

Source: Kool, van Hoof and Welling, 2019, https://arxiv.org/abs/1903.06059, algorithm 1. The
log-probability of every sequence is perturbed by Gumbel noise; the largest are a sample without
replacement. The noise is drawn from the root of the tree downwards: what a hypothesis has is the
largest of what its continuations will have, so that a beam finds the largest of all.
"""

from __future__ import annotations

import torch
from torch import Tensor

from typica.core.counts import check_whole
from typica.core.device import wide_on
from typica.core.engine import Engine, EngineState
from typica.core.errors import ConfigError
from typica.core.progress import SILENT, Progress
from typica.core.randomness import Randomness, uniforms_like
from typica.core.session import open_session
from typica.core.temperature import check_temperature, tempered
from typica.decoding.generation import Generation, Stop, count_symbols
from typica.decoding.search.lineage import Last, Lineage
from typica.decoding.search.ranking import (
    best_of,
    check_length,
    ending,
    has_ended,
    listed,
    repeated,
)


@torch.no_grad()
def stochastic_beam(
    engine: Engine,
    state: EngineState,
    length: int,
    *,
    width: int = 8,
    temperature: float = 1.0,
    generator: Randomness = None,
    progress: Progress = SILENT,
) -> Generation:
    """Draw `width` different sequences for each source, without replacement.

    The first of them is an ordinary draw; each further one is drawn as if those before it could
    not come again. Expectations over the model are estimated by `importance_weights`.

    Args:
        engine: What takes the steps.
        state: Where to go on from; each of its rows is a source.
        length: Symbols at most; what has not ended by then is a sequence too.
        width: Sequences of each source.
        temperature: Of each step's distribution, above 0.
        generator: Where the randomness comes from: one, or one for each source.
        progress: Hears how far it is.

    Returns:
        For each source its sequences in the order in which they were drawn, fewer where there are
        no more of them. `log_draw` is the log-probability that a sequence is among those drawn,
        given the threshold that the first one left out has set; `score` is the perturbed
        log-probability.

    Raises:
        ConfigError: A number is out of range, or the distributions cannot be listed.
    """
    check_length(length)
    check_whole(width=width)
    check_temperature(temperature)
    if temperature == 0:
        raise ConfigError("at temperature 0 nothing is drawn: beam search finds likely sequences")
    beam = _PerturbedBeam(engine, state, width + 1, temperature)
    with progress.task("stochastic beam", total=length, unit="symbols") as task:
        for _ in range(length):
            beam.step(generator)
            task.advance(1)
            if beam.is_over:
                break
    return beam.result()


def importance_weights(generation: Generation, *, normalised: bool = False) -> Tensor:
    """Return what each sequence of a stochastic beam weighs, float64, (count,).

    The sum of f(x) times its weight, over the sequences of a source, has the expectation of f
    under the model.

    Args:
        generation: From `stochastic_beam`.
        normalised: Whether the weights of a source are made to add up to 1: that has a bias, and
            mostly a smaller variance.

    Source: Kool et al., 2019, equations 16 and 18.
    """
    weights = (generation.log_prob - generation.log_draw).exp()
    if not normalised:
        return weights
    sums = weights.new_zeros(len(generation.stopped)).index_add(0, generation.source, weights)
    return weights / sums[generation.source]


class _PerturbedBeam:
    """For each source the hypotheses of the largest perturbed log-probabilities."""

    def __init__(self, engine: Engine, state: EngineState, places: int, temperature: float) -> None:
        self.final, self.temperature = engine.model.final, temperature
        self.sources, self.places, device = state.count, places, engine.device
        self.session = open_session(engine, repeated(state, places))
        self.lineage, self.time = Lineage(), 0
        size = state.count, places
        nothing = torch.full(size, -torch.inf, dtype=wide_on(device), device=device)
        nothing[:, 0] = 0  # all begin as one, of probability 1
        self.log_prob, self.log_drawn, self.perturbed = nothing, nothing, nothing.clone()
        self.ended = has_ended(engine, state)[:, None].expand(-1, places)
        self.last = (torch.zeros(0), torch.zeros(0))

    @property
    def is_over(self) -> bool:
        return self.final is not None and bool((self.ended | self.perturbed.isneginf()).all())

    def step(self, generator: Randomness) -> None:
        """Add a symbol to every hypothesis that has not ended."""
        if self.time:
            self.session.choose(*self.last)
            self.lineage.add(*self.last)
        else:
            # Were the root not perturbed too, the order would be right and the weights biased.
            self.perturbed[:, :1] += _gumbel(self.perturbed[:, :1], generator)
        self.time += 1
        distribution = self.session.step()
        log_probs = self._kept(listed(distribution))
        at_draw = log_probs
        if self.temperature != 1:
            at_draw = self._kept(listed(tempered(distribution, self.temperature)))
        drawn = self.log_drawn[:, :, None] + at_draw
        perturbed = _perturbed(drawn, self.perturbed, generator)
        self.perturbed, places = best_of(perturbed.flatten(1), self.places)
        levels = log_probs.shape[2]
        parents, symbols = places // levels, places % levels
        self.log_prob = (self.log_prob[:, :, None] + log_probs).flatten(1).gather(1, places)
        self.log_drawn = drawn.flatten(1).gather(1, places)
        if self.final is not None:
            self.ended = symbols == self.final
        first = torch.arange(self.sources, device=parents.device)[:, None] * self.places
        self.last = ((parents + first).flatten(), symbols.flatten())

    def _kept(self, log_probs: Tensor) -> Tensor:
        """Return log-probabilities (sources, places, symbols), where the end follows the end."""
        return ending(log_probs.view(self.sources, self.places, -1), self.ended, self.final)

    def result(self) -> Generation:
        """Return all but the last, which sets the threshold."""
        threshold = self.perturbed[:, -1:]
        is_there = self.perturbed[:, :-1] > -torch.inf
        log_draw = _log_inclusion(self.log_drawn[:, :-1] - threshold)
        rows, symbols = (part.view(self.sources, self.places)[:, :-1] for part in self.last)
        time = torch.full_like(rows[is_there], self.time)
        last = Last(time, rows[is_there], symbols[is_there])
        found, _ = self.lineage.trace(last, self.time, 0)
        lengths, finished = count_symbols(found, self.final)
        source = is_there.nonzero()[:, 0]
        open_sources = set(source[~finished].tolist())
        stops: list[Stop] = [
            "length" if row in open_sources else "ended" for row in range(self.sources)
        ]
        return Generation(
            found,
            lengths,
            self.log_prob[:, :-1][is_there],
            log_draw[is_there],
            finished,
            source,
            tuple(stops),
            self.perturbed[:, :-1][is_there],
        )


def _perturbed(log_probs: Tensor, largest: Tensor, generator: Randomness) -> Tensor:
    """Perturb the continuations of hypotheses so that their largest is what the hypothesis has.

    Args:
        log_probs: Of continuations, (sources, places, symbols).
        largest: Of hypotheses, (sources, places).
        generator: Where the randomness comes from.

    Source: Kool et al., 2019, appendix B.3, which holds its digits.
    """
    gumbel = log_probs + _gumbel(log_probs, generator)
    top = gumbel.max(-1, keepdim=True).values
    # log(1 - exp(x)) of what lies below the top; the top itself keeps all.
    off = largest[:, :, None] - gumbel + _log1mexp(gumbel - top)
    moved = largest[:, :, None] - off.clamp_min(0) - torch.log1p((-off.abs()).exp())
    return moved.masked_fill(log_probs == -torch.inf, -torch.inf)


def _gumbel(tensor: Tensor, generator: Randomness) -> Tensor:
    """Draw from the standard Gumbel distribution, as many as a tensor has."""
    uniform = uniforms_like(tensor, generator, least=torch.finfo(tensor.dtype).tiny)
    return -(-uniform.log()).log()


def _log1mexp(x: Tensor) -> Tensor:
    """Return log(1 - exp(x)) of x up to 0."""
    near = (-torch.expm1(x)).log()
    return torch.where(x > -0.6931471805599453, near, torch.log1p(-x.exp()))


def _log_inclusion(above: Tensor) -> Tensor:
    """Return log(1 - exp(-exp(x))): that of a Gumbel variable that lies x above being kept."""
    return _log1mexp(-above.exp())
