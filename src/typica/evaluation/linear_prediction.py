"""Baselines that predict the amplitude linearly and spread Laplace noise around it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import torch

from typica.signal.quantise import Quantiser

ORDER = 32
MEMORY = 64  # samples over which the adaptive scale looks back, exponentially
GUARD = 1e-3  # probability kept for a uniform draw: an outlier costs at most 10 bits more
RIDGE = 1e-9  # of the power: a recording of one tone alone still has a predictor


class Predictor:
    """x[t] is predicted as sum_k a[k] x[t - k], the a that leave the least squared error.

    Source: the autocorrelation method, Makhoul 1975, "Linear prediction: a tutorial review".
    """

    def __init__(self, quantiser: Quantiser, blocks: Callable[[], Iterable[np.ndarray]]) -> None:
        """Fit the coefficients, then the mean absolute error.

        Args:
            quantiser: Whose levels are predicted, from the amplitudes of those before.
            blocks: Gives the levels of the training recordings, in blocks, once per call.
        """
        self.amplitudes = quantiser.decode(torch.arange(quantiser.levels)).double().numpy()
        inner = quantiser.edges().double().numpy()
        self.edges = np.concatenate([[-np.inf], inner, [np.inf]])
        # An error much smaller than a level is as good as none.
        self.smallest = float(np.diff(inner).min(initial=2.0)) / 8
        autocorrelation = sum(_autocorrelation(self.amplitudes[codes]) for codes in blocks())
        self.filter = _prediction_error_filter(np.asarray(autocorrelation))
        total, count = 0.0, 0
        for codes in blocks():
            error = self.errors(codes)[ORDER:]
            total, count = total + np.abs(error).sum(), count + len(error)
        self.scale = max(total / max(count, 1), self.smallest)

    def errors(self, codes: np.ndarray) -> np.ndarray:
        """Return amplitude less prediction for each level, as if silence came before."""
        from scipy.signal import lfilter

        return lfilter(self.filter, 1.0, self.amplitudes[codes])

    def price(self, codes: np.ndarray, errors: np.ndarray, scale: np.ndarray | float) -> float:
        """Return the bits of levels whose prediction errors and Laplace scales are given."""
        predicted = self.amplitudes[codes] - errors
        log_prob = laplace_log_mass(
            self.edges[codes] - predicted, self.edges[codes + 1] - predicted, scale
        )
        guard = np.log(GUARD / len(self.amplitudes))
        return float(-np.logaddexp(log_prob + np.log1p(-GUARD), guard).sum() / np.log(2))


class FixedLaplace:
    """Linear prediction; the scale of the Laplace noise is the mean error of the training."""

    name = "linear prediction"

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor

    def bits(self, codes: np.ndarray, begin: int) -> float:
        """Return the bits of `codes[begin:]` given those before."""
        errors = self.predictor.errors(codes)[begin:]
        return self.predictor.price(codes[begin:], errors, self.predictor.scale)


class AdaptiveLaplace:
    """Linear prediction; the scale follows the errors of the last few milliseconds."""

    name = "linear prediction, adaptive scale"

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor

    def bits(self, codes: np.ndarray, begin: int) -> float:
        """Return the bits of `codes[begin:]` given those before."""
        from scipy.signal import lfilter

        errors = self.predictor.errors(codes)
        # The first tap is 0: the scale must not know the error that it is to price.
        recent = lfilter([0, 1 / MEMORY], [1, 1 / MEMORY - 1], np.abs(errors))
        scale = np.maximum(recent, self.predictor.smallest)
        return self.predictor.price(codes[begin:], errors[begin:], scale[begin:])


def laplace_log_mass(low: np.ndarray, high: np.ndarray, scale: np.ndarray | float) -> np.ndarray:
    """Return the log of the mass that a Laplace distribution around 0 has from low to high.

    Written without differences of nearly equal numbers, so that far tails keep their price.
    """
    nearest = np.maximum(np.maximum(low, -high), 0) / scale
    width = (high - low) / scale
    with np.errstate(divide="ignore"):
        beside = np.log(-np.expm1(-width)) - nearest - np.log(2)
    left, right = np.exp(np.minimum(low, 0) / scale), np.exp(-np.maximum(high, 0) / scale)
    around = np.log1p(-(left + right) / 2)
    return np.where(nearest > 0, beside, around)


def _autocorrelation(amplitudes: np.ndarray) -> np.ndarray:
    """Return sum_t x[t] x[t + k] for k from 0 to the order."""
    size = 1 << (len(amplitudes) + ORDER).bit_length()
    power = np.square(np.abs(np.fft.rfft(amplitudes, size)))
    return np.fft.irfft(power, size)[: ORDER + 1]


def _prediction_error_filter(autocorrelation: np.ndarray) -> np.ndarray:
    from scipy.linalg import solve_toeplitz

    first = autocorrelation[:-1].copy()
    first[0] = first[0] * (1 + RIDGE) + np.finfo(float).tiny
    return np.concatenate([[1.0], -solve_toeplitz(first, autocorrelation[1:])])
