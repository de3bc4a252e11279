"""Detectors in the conventions of PyOD and of pytorch-ood, without importing either.

Both call an outlier what scores high; scikit-learn, and typica with it, what scores low.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal, Self

import numpy as np
import torch
from scipy.special import erf
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from typica.core.errors import ConfigError
from typica.typicality.detectors.base import Detector


class PyodDetector(BaseEstimator):
    """A detector as PyOD has them: see `as_pyod`.

    Attributes:
        decision_scores_: Outlier scores of the reference, (examples,), larger is odder.
        threshold_: Above it, an example is an outlier.
        labels_: 1 for outliers of the reference, 0 for the others.
    """

    decision_scores_: np.ndarray

    def __init__(self, detector: Detector) -> None:
        self.detector = detector

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit a copy of the detector to a reference (examples, statistics); `y` is ignored."""
        self.detector_ = clone(self.detector).fit(X)
        self.decision_scores_ = self.decision_function(X)
        return self

    @property
    def contamination(self) -> float:
        """The detector's alpha: the share of the reference that may be outliers."""
        return self.detector.alpha

    @property
    def threshold_(self) -> float:
        """The outlier score above which an example is an outlier."""
        return -self.detector_.offset_

    @property
    def labels_(self) -> np.ndarray:
        """Whether each example of the reference is an outlier, 1 or 0."""
        return (self.decision_scores_ > self.threshold_).astype(int)

    def decision_function(self, X: Any) -> np.ndarray:
        """Return outlier scores, (examples,)."""
        check_is_fitted(self, "detector_")
        return -self.detector_.score_samples(X)

    def predict(self, X: Any) -> np.ndarray:
        """Return 1 for outliers and 0 for normal examples, (examples,)."""
        return (self.decision_function(X) > self.threshold_).astype(int)

    def fit_predict(self, X: Any, y: Any = None) -> np.ndarray:
        """Fit, and return the labels of the reference."""
        return self.fit(X).labels_

    def predict_proba(self, X: Any, method: Literal["linear", "unify"] = "linear") -> np.ndarray:
        """Return scores squeezed to [0, 1], (examples, 2): of being normal, of being odd.

        PyOD's convention: linear between the reference's extremes, or the error function of the
        standardised score. They are no probabilities; `detector_.p_values` are calibrated.
        """
        scores, reference = self.decision_function(X), self.decision_scores_
        if method == "linear":
            odd = (scores - reference.min()) / (np.ptp(reference) or 1.0)
        elif method == "unify":
            odd = erf((scores - reference.mean()) / ((reference.std() or 1.0) * np.sqrt(2)))
        else:
            raise ConfigError(f'method must be "linear" or "unify", got {method!r}')
        odd = odd.clip(0, 1)
        return np.stack([1 - odd, odd], axis=1)


class PytorchOodDetector:
    """A detector as pytorch-ood has them: see `as_pytorch_ood`."""

    requires_fit = True

    def __init__(
        self, detector: Detector, encoder: Callable[[Tensor], Tensor] | None = None
    ) -> None:
        self.detector = detector
        self.encoder = encoder

    def fit(self, data_loader: Iterable[Any]) -> Self:
        """Fit to the batches of a loader: inputs, or pairs of inputs and labels.

        Examples with a negative label are outliers by pytorch-ood's convention, and left out.
        """
        with torch.no_grad():
            parts = [self._encode(_normal(batch)).cpu() for batch in data_loader]
        return self.fit_features(torch.cat(parts))

    def fit_features(self, x: Tensor, y: Tensor | None = None) -> Self:
        """Fit to statistics, (examples,) or (examples, statistics), but for labels below 0."""
        self.detector.fit(_columns(x if y is None else x[(y >= 0).to(x.device)]))
        return self

    def predict(self, x: Tensor) -> Tensor:
        """Return outlier scores of inputs, (examples,), float64 on the inputs' device."""
        with torch.no_grad():
            return self.predict_features(self._encode(x))

    def predict_features(self, x: Tensor) -> Tensor:
        """Return outlier scores of statistics, (examples,), float64 on their device."""
        return torch.as_tensor(-self.detector.score_samples(_columns(x)), device=x.device)

    def __call__(self, x: Tensor) -> Tensor:
        """Return `predict(x)`."""
        return self.predict(x)

    def _encode(self, x: Tensor) -> Tensor:
        return x if self.encoder is None else self.encoder(x)


def as_pyod(detector: Detector) -> PyodDetector:
    """Return a detector in PyOD's conventions: large scores and the label 1 are outliers.

    A fitted detector keeps its reference, and may be used at once; its `decision_scores_` are
    then in descending order. Fitting the result fits a copy.

    Source: Zhao, Nasrullah and Li 2019, "PyOD", https://github.com/yzhao062/pyod, BaseDetector.
    """
    adapted = PyodDetector(detector)
    reference = getattr(detector, "reference_scores_", None)
    if reference is not None:
        adapted.detector_, adapted.decision_scores_ = detector, -reference
    return adapted


def as_pytorch_ood(
    detector: Detector, encoder: Callable[[Tensor], Tensor] | None = None
) -> PytorchOodDetector:
    """Return a detector in pytorch-ood's conventions: tensors in, tensors out, large is odd.

    Args:
        detector: The detector, fitted or not; fitting the result fits it.
        encoder: From a batch of inputs to its statistics, such as a model's `log_prob`: (examples,)
            or (examples, statistics). None where inputs are statistics already.

    Source: Kirchheim, Filax and Ortmeier 2022, "PyTorch-OOD",
        https://github.com/kkirchheim/pytorch-ood, api.Detector.
    """
    return PytorchOodDetector(detector, encoder)


def _normal(batch: Any) -> Tensor:
    """Return the inputs of a batch without those labelled as outliers."""
    if isinstance(batch, Tensor):
        return batch
    x, *labels = batch
    return x[(labels[0] >= 0).to(x.device)] if labels else x


def _columns(x: Tensor) -> Tensor:
    """Return statistics as (examples, statistics), a single one too."""
    return x[:, None] if x.ndim == 1 else x
