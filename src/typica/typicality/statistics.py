"""What a model says of examples, as columns: the first step of a pipeline of scikit-learn.

make_pipeline(ModelStatistics(model, ["log_prob"]), OnePointTypicality()).fit(recordings)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from torch import Tensor

from typica.core.errors import ConfigError, DataError, did_you_mean
from typica.core.invertible import InvertibleModel, standard_normal
from typica.core.latent import LatentVariableModel
from typica.core.model import AutoregressiveModel, ExplicitModel
from typica.core.randomness import seeded
from typica.typicality.martingale import martingale_score
from typica.typicality.regret import likelihood_regret

Columns = dict[str, Tensor]


class ModelStatistics(TransformerMixin, BaseEstimator):
    """Turn examples into statistics of a model, in nats unless told otherwise.

    Every model with a density has "log_prob". By its type it has more: an autoregressive one
    "entropy" (the sum of its conditional entropies), "excess" (surprisal above that) and
    "martingale" (the excess by its standard deviation); one with latent variables those of
    Morningstar et al., 2021 (https://arxiv.org/abs/2006.09273) and "regret"; an invertible one
    the log-density of its latents and the log-determinant.

    Args:
        model: A model with a density. It is put to evaluation.
        names: Which statistics, in which order; None for all but "regret", which is slow.
        batch: Examples that are scored side by side.
    """

    def __init__(
        self, model: ExplicitModel, names: Sequence[str] | None = None, batch: int = 16
    ) -> None:
        self.model = model
        self.names = names
        self.batch = batch

    def fit(self, examples: Any, y: Any = None) -> Self:
        """Check the names; nothing is learnt.

        Raises:
            ConfigError: The model does not have a statistic of that name, or has no density.
        """
        self._chosen()
        return self

    def transform(self, examples: Any) -> np.ndarray:
        """Return statistics, float64, shape (count, names).

        Args:
            examples: An array or tensor (count, ...), or a sequence of examples that differ in
                length, each scored by itself.

        Raises:
            DataError: There are no examples.
        """
        names = self._chosen()
        self.model.eval()
        columns = [self._columns(batch, names) for batch in batches(examples, self.batch)]
        rows = [torch.stack([found[name].cpu().double() for name in names], 1) for found in columns]
        return torch.cat(rows).numpy()

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the columns."""
        return np.array(self._chosen(), dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def _chosen(self) -> list[str]:
        known = available(self.model)
        names = [name for name in known if name != "regret"] if self.names is None else self.names
        for name in names:
            if name not in known:
                kind = type(self.model).__name__
                raise ConfigError(f"{kind} has no statistic {name!r}: {did_you_mean(name, known)}")
        return list(names)

    def _columns(self, batch: Tensor, names: list[str]) -> Columns:
        batch = batch.to(next(self.model.parameters()).device)
        if names == ["log_prob"]:  # an autoregressive model would also sum over all it expected
            with torch.no_grad():
                return _of_density(self.model, batch)
        found: Columns = {}
        for provided, function in _providers(self.model):
            if set(provided) & set(names):
                with torch.no_grad():
                    found |= function(self.model, batch)
        return found


class ModelLatents(TransformerMixin, BaseEstimator):
    """Turn examples into the latents of an invertible model, for `LatentAnnulus`.

    Args:
        model: It is put to evaluation.
        batch: Examples that are mapped side by side.
    """

    def __init__(self, model: InvertibleModel, batch: int = 64) -> None:
        self.model = model
        self.batch = batch

    def fit(self, examples: Any, y: Any = None) -> Self:
        """Learn nothing.

        Raises:
            ConfigError: The model is not invertible.
        """
        if not isinstance(self.model, InvertibleModel):
            raise ConfigError(f"{type(self.model).__name__} is not invertible: it has no latents")
        return self

    @torch.no_grad()
    def transform(self, examples: Any) -> np.ndarray:
        """Return latents, float64, shape (count, dimensions).

        Raises:
            DataError: There are no examples.
        """
        self.model.eval()
        device = next(self.model.parameters()).device
        found = [
            self.model(self.model.lift(part.to(device)))[0]
            for part in batches(examples, self.batch)
        ]
        return torch.cat(found).cpu().double().numpy()

    def __sklearn_is_fitted__(self) -> bool:
        return True


def available(model: ExplicitModel) -> list[str]:
    """List the statistics that a model has.

    Raises:
        ConfigError: It has no density.
    """
    if not isinstance(model, ExplicitModel):
        raise ConfigError(f"{type(model).__name__} has no density: it can be sampled, not scored")
    return [name for names, _ in _providers(model) for name in names]


def batches(examples: Any, size: int) -> Iterator[Tensor]:
    """Cut an array of examples into batches; a sequence gives one example at a time.

    Raises:
        DataError: There are none.
    """
    if not len(examples):
        raise DataError("there are no examples to score")
    if isinstance(examples, np.ndarray | Tensor):
        yield from torch.as_tensor(examples).split(size)
        return
    for example in examples:
        yield torch.as_tensor(example)[None]


def _providers(model: Any) -> list[tuple[tuple[str, ...], Callable[[Any, Tensor], Columns]]]:
    """Return the names that each function gives for a model of this type."""
    if isinstance(model, AutoregressiveModel):
        return [(("log_prob", "entropy", "excess", "martingale"), _of_steps)]
    if isinstance(model, LatentVariableModel):
        return [
            (("log_prob",), _of_density),
            (("cross_entropy", "posterior_entropy", "divergence", "reconstruction"), _of_latents),
            (("regret",), _of_regret),
        ]
    if isinstance(model, InvertibleModel):
        return [(("log_prob", "prior", "log_det"), _of_map)]
    return [(("log_prob",), _of_density)]


def _of_density(model: ExplicitModel, x: Tensor) -> Columns:
    return {"log_prob": model.log_prob(x)}


def _of_steps(model: AutoregressiveModel, x: Tensor) -> Columns:
    end = martingale_score(model, x)
    columns = {"log_prob": end.log_prob, "entropy": end.entropy}
    return columns | {"excess": end.excess, "martingale": end.z}


def _of_latents(model: LatentVariableModel, x: Tensor) -> Columns:
    posterior = model.posterior(x)
    device = next(model.parameters()).device
    drawn = model.weigh(x, posterior, model.draws, generator=seeded(0, device))
    mean, scale = posterior.mean, posterior.stddev
    # Against a standard normal: 1/2 (log 2 pi + mean^2 + scale^2) a latent.
    cross = 0.5 * (mean.square() + scale.square() + np.log(2 * np.pi)).sum(-1)
    entropy = posterior.entropy()
    reconstruction = drawn.likelihood.mean(0)
    columns = {"cross_entropy": cross, "posterior_entropy": entropy}
    return columns | {"divergence": cross - entropy, "reconstruction": reconstruction}


def _of_regret(model: LatentVariableModel, x: Tensor) -> Columns:
    return {"regret": likelihood_regret(model, x)}


def _of_map(model: InvertibleModel, x: Tensor) -> Columns:
    latents, log_det = model(model.lift(x))
    prior = standard_normal(latents)
    return {"log_prob": prior + log_det, "prior": prior, "log_det": log_det}
