"""Bottlenecks of codes: vectors in, the codes that stand for them, and what these stand for."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Literal, NamedTuple

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

from typica.core.errors import ConfigError

ROWS = 1 << 14  # vectors whose distances are computed at once: memory stays bounded
SPREAD = 0.01  # length of the noise that tells copies of one vector apart


class Coded(NamedTuple):
    """What a bottleneck makes of a batch.

    Attributes:
        vectors: What the codes stand for, (batch, width, frames). Its gradient goes straight
            through to what came in.
        codes: Shape (batch, frames), int64.
        losses: What the bottleneck wants minimised, by name, weighted.
    """

    vectors: Tensor
    codes: Tensor
    losses: dict[str, Tensor]


class Bottleneck(nn.Module, ABC):
    """Passes vectors (batch, width, frames) on as one of `codes` each.

    It computes in float32 at least, also under autocast: of vectors that lie close, bfloat16 could
    not tell the nearest.

    Attributes:
        codes: How many there are.
        width: Channels of the vectors, before and after.
    """

    def __init__(self, codes: int, width: int) -> None:
        super().__init__()
        if min(codes, width) < 1:
            raise ConfigError(f"a bottleneck needs at least 1 code and channel: {codes}, {width}")
        self.codes, self.width = codes, width

    def forward(self, vectors: Tensor) -> Coded:
        """Code a batch; in training the bottleneck learns from it."""
        with torch.autocast(vectors.device.type, enabled=False):
            return self._code(_wide(vectors))

    @torch.no_grad()
    def encode(self, vectors: Tensor) -> Tensor:
        """Return the codes of vectors (batch, width, frames), int64 (batch, frames)."""
        with torch.autocast(vectors.device.type, enabled=False):
            return self._choose(_rows(_wide(vectors))).view(len(vectors), -1)

    @abstractmethod
    def decode(self, codes: Tensor) -> Tensor:
        """Return what codes (batch, frames) stand for, (batch, width, frames)."""

    @abstractmethod
    def _code(self, vectors: Tensor) -> Coded:
        """Code a batch of float32 vectors."""

    @abstractmethod
    def _choose(self, rows: Tensor) -> Tensor:
        """Return the codes of rows (rows, width)."""


class VectorQuantiser(Bottleneck):
    """The nearest of the vectors of a codebook, which follows what comes in.

    Source: van den Oord et al., 2017, https://arxiv.org/abs/1711.00937, equations 1 to 3; its
    appendix A.1 for the running means, with the smoothing of the authors' Sonnet; restarts from
    Dhariwal et al., 2020, https://arxiv.org/abs/2005.00341, section 3.1.
    Departs from them: squared distances are means over channels too; what a restart is judged by
    is a share of the average use, which does not depend on the size of a batch.

    The codebook learns in training alone, and not where gradients are switched off or `frozen` is
    set. Of several processes all learn from the vectors of all.

    Args:
        codes: Vectors in the codebook.
        width: Their channels.
        learning: "ema": each vector is the running mean of what fell on it. "gradient": it is a
            parameter, which the loss "codebook" draws to what falls on it.
        commitment: Weight of the loss that draws what comes in to its vector.
        decay: Of the running means, a batch; those of how often codes are used, in either case.
        restart_below: A code used less than this share of the average is put on a vector of the
            batch, drawn at random; 0 for never.
        initial: "batch" puts the codebook on vectors of the first batch, "normal" leaves it
            where it was drawn, from N(0, 1).
        epsilon: Of the Laplace smoothing of the uses.

    Attributes:
        codebook: The vectors, (codes, width).
        uses: Running means of how many vectors of a batch fall on each, (codes,).
        frozen: Whether the codebook stands still in training too.
    """

    codebook: Tensor
    uses: Tensor
    sums: Tensor | None
    ready: Tensor

    def __init__(
        self,
        codes: int,
        width: int,
        *,
        learning: Literal["ema", "gradient"] = "ema",
        commitment: float = 0.25,
        decay: float = 0.99,
        restart_below: float = 0.1,
        initial: Literal["batch", "normal"] = "batch",
        epsilon: float = 1e-5,
    ) -> None:
        super().__init__(codes, width)
        self.commitment, self.decay = commitment, decay
        self.restart_below, self.epsilon = restart_below, epsilon
        self.frozen = self._is_ready = False
        drawn = torch.randn(codes, width)
        self.learning = learning
        if learning == "gradient":
            self.codebook = nn.Parameter(drawn)
        else:
            self.register_buffer("codebook", drawn)
        self.register_buffer("uses", torch.ones(codes))
        self.register_buffer("sums", drawn.clone() if learning == "ema" else None)
        self.initial = initial
        self.register_buffer("ready", torch.tensor(False))

    def smoothed_uses(self) -> Tensor:
        """Running means of the uses, none of them 0, of the same sum; (codes,)."""
        total = self.uses.sum()
        return (self.uses + self.epsilon) / (total + self.codes * self.epsilon) * total

    def decode(self, codes: Tensor) -> Tensor:
        """See `Bottleneck.decode`."""
        return F.embedding(codes, self.codebook).transpose(1, 2)

    def _code(self, vectors: Tensor) -> Coded:
        learns = self.training and torch.is_grad_enabled() and not self.frozen
        rows = _rows(vectors)
        if learns:
            self._begin(rows.detach())
        codes = self._choose(rows)
        chosen = F.embedding(codes, self.codebook)
        losses = {"commitment": self.commitment * F.mse_loss(rows, chosen.detach())}
        if self.learning == "gradient":
            losses["codebook"] = F.mse_loss(chosen, rows.detach())
        if learns:  # from the next batch on: this one was coded with the codebook as it was
            self._learn(rows.detach(), codes)
        passed = _columns(straight_through(rows, chosen), len(vectors))
        return Coded(passed, codes.view(len(vectors), -1), losses)

    @torch.no_grad()
    def _choose(self, rows: Tensor) -> Tensor:
        """Return the nearest vector's number; of those equally near, the lowest."""
        codebook = self.codebook.to(rows)
        # Taken from their mean, distances hold their digits where all lies far from zero.
        centre = codebook.mean(0)
        codebook = codebook - centre
        half = codebook.square().sum(1) / 2
        nearest = [
            torch.addmm(half, part - centre, codebook.t(), alpha=-1).argmin(1)
            for part in rows.split(ROWS)
        ]
        return torch.cat(nearest)

    @torch.no_grad()
    def _begin(self, rows: Tensor) -> None:
        """Begin with the first batch, unless it was before."""
        if self._is_ready:  # a Python flag: reading the buffer makes a GPU wait
            return
        if not self.ready:
            vectors = self._candidates(rows) if self.initial == "batch" else self.codebook.detach()
            # As if one batch had been: what really comes soon outweighs it.
            uses = torch.full_like(self.uses[0], (1 - self.decay) * len(rows) / self.codes)
            self._place(vectors, torch.ones_like(self.uses, dtype=torch.bool), uses)
            self.ready.fill_(True)
        self._is_ready = True

    @torch.no_grad()
    def _learn(self, rows: Tensor, codes: Tensor) -> None:
        hits = (codes[:, None] == torch.arange(self.codes, device=codes.device)).to(rows.dtype)
        self.uses.lerp_(_over_processes(hits.sum(0)), 1 - self.decay)
        if self.sums is not None:
            # A product, not `index_add_`: on a GPU that one would not add up in the same order.
            self.sums.lerp_(_over_processes(hits.t() @ rows), 1 - self.decay)
            self.codebook.copy_(self.sums / self.smoothed_uses()[:, None])
        if self.restart_below > 0:
            least = self.restart_below * self.uses.mean()
            # Used just enough: what catches nothing in the next batch is put elsewhere again.
            self._place(self._candidates(rows), self.uses < least, least)

    def _place(self, vectors: Tensor, where: Tensor, uses: Tensor) -> None:
        """Put codes on vectors, as if each had been used so often."""
        rows = where[:, None]
        self.uses.copy_(torch.where(where, uses, self.uses))
        self.codebook.copy_(torch.where(rows, vectors, self.codebook))
        if self.sums is not None:
            self.sums.copy_(torch.where(rows, uses * vectors, self.sums))

    def _candidates(self, rows: Tensor) -> Tensor:
        """Draw a vector of the batch for each code; if they are too few, copies with noise."""
        copies = -(-self.codes // len(rows))
        noise = (
            torch.randn(copies, *rows.shape, device=rows.device) * SPREAD / math.sqrt(self.width)
        )
        noise[0] = 0
        many = (rows + noise).flatten(0, 1)
        chosen = many[torch.randperm(len(many), device=rows.device)[: self.codes]]
        if _together():
            dist.broadcast(chosen, 0)
        return chosen


class ArgmaxQuantiser(Bottleneck):
    """The largest of the channels, as a one-hot vector: no codebook that could collapse.

    What comes in is normalised over vectors, channel by channel, passes a ReLU and is divided by
    its sum: a query. A loss draws queries to their corners, another makes all channels the largest
    as often. (A softmax that is saturated would pass no gradient.)

    Source: the argmax autoencoder of Dieleman et al., 2018, https://arxiv.org/abs/1806.10474,
    section 3.2.
    Departs from it: means and variances of the channels are running ones, of which no gradient is
    taken, so that codes are the same in training and evaluation. What is made even is not the mean
    query of a batch but a running mean of the codes themselves, with a gradient through the queries
    of the newest batch: few crops hold few of the sounds, and codes that are as common in each of
    them would tell nothing. A one-hot vector is as long as the square root of the codes, so that
    the mean square of its channels is 1: a shorter one is hardly heard at first. Every channel has
    a little more than the ReLU gives, so that a vector without a positive channel is a uniform
    query, and its code 0.

    Args:
        codes: Channels.
        commitment: Weight of the mean squared distance from the corner.
        diversity: Weight of the mean of (codes x share of the code - 1) squared.
        decay: Of the running means, a batch.
        epsilon: What every channel has more.

    Attributes:
        mean: Running means of the channels, (codes,).
        variance: Their running variances.
        shares: Running means of how many of all vectors fall on each code, (codes,).
    """

    mean: Tensor
    variance: Tensor
    shares: Tensor
    ready: Tensor

    def __init__(
        self,
        codes: int,
        *,
        commitment: float,
        diversity: float,
        decay: float = 0.99,
        epsilon: float = 1e-6,
    ) -> None:
        super().__init__(codes, codes)
        self.commitment, self.diversity = commitment, diversity
        self.decay, self.epsilon = decay, epsilon
        self.register_buffer("mean", torch.zeros(codes))
        self.register_buffer("variance", torch.ones(codes))
        self.register_buffer("shares", torch.full((codes,), 1 / codes))
        self.register_buffer("ready", torch.tensor(False))
        self._is_ready = False

    def query(self, rows: Tensor) -> Tensor:
        """Return the queries of rows (rows, codes): none negative, of sum 1."""
        spread = self.variance.sqrt().clamp_min(self.epsilon)
        positive = F.relu((rows - self.mean) / spread) + self.epsilon
        return positive / positive.sum(-1, keepdim=True)

    def decode(self, codes: Tensor) -> Tensor:
        """See `Bottleneck.decode`."""
        corners = F.one_hot(codes, self.codes).to(torch.get_default_dtype())
        return math.sqrt(self.codes) * corners.transpose(1, 2)

    def _code(self, vectors: Tensor) -> Coded:
        rows = _rows(vectors)
        learns = self.training and torch.is_grad_enabled()
        if learns:
            self._follow(rows.detach())
        query = self.query(rows)
        codes = query.argmax(-1)
        corner = F.one_hot(codes, self.codes).to(query)
        shares = corner.mean(0)
        if learns:
            shares = self._remember(shares)
        losses = {
            "commitment": self.commitment * F.mse_loss(query, corner),
            "diversity": self.diversity * diversity(straight_through(query.mean(0), shares)),
        }
        passed = math.sqrt(self.codes) * straight_through(query, corner)
        return Coded(_columns(passed, len(vectors)), codes.view(len(vectors), -1), losses)

    def _choose(self, rows: Tensor) -> Tensor:
        return self.query(rows).argmax(-1)

    @torch.no_grad()
    def _follow(self, rows: Tensor) -> None:
        """Let mean and variance follow a batch; they begin with those of the first."""
        # A Python flag: reading the buffer makes a GPU wait.
        weight = 1 - self.decay if self._is_ready or self.ready else 1.0
        self.mean.lerp_(_over_processes(rows.mean(0)), weight)
        squares = (rows - self.mean).square().mean(0)
        self.variance.lerp_(_over_processes(squares), weight)
        self.ready.fill_(True)
        self._is_ready = True

    @torch.no_grad()
    def _remember(self, shares: Tensor) -> Tensor:
        """Return the running shares, those of this batch among them."""
        return self.shares.lerp_(_over_processes(shares), 1 - self.decay)


def straight_through(vectors: Tensor, chosen: Tensor) -> Tensor:
    """Return `chosen`, to the last bit, with a gradient that goes to `vectors` as it is.

    Source: Bengio et al., 2013, https://arxiv.org/abs/1308.3432.
    """
    return chosen.detach() + (vectors - vectors.detach())


def diversity(shares: Tensor) -> Tensor:
    """Return the mean of (k share - 1)^2 of k shares, (k,): 0 if all are alike.

    It is k - 1 if one code has everything.
    """
    return (shares.shape[-1] * shares - 1).square().mean()


def _wide(vectors: Tensor) -> Tensor:
    return vectors.to(torch.promote_types(vectors.dtype, torch.float32))


def _rows(vectors: Tensor) -> Tensor:
    """From (batch, width, frames) to (batch x frames, width)."""
    return vectors.transpose(1, 2).flatten(0, 1)


def _columns(rows: Tensor, batch: int) -> Tensor:
    """From (batch x frames, width) to (batch, width, frames)."""
    return rows.unflatten(0, (batch, -1)).transpose(1, 2)


def _together() -> bool:
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def _over_processes(values: Tensor) -> Tensor:
    """Return the mean over the processes that train together."""
    if not _together():
        return values
    dist.all_reduce(values)
    return values / dist.get_world_size()
