"""Where samples really are: typical sets, and the tests and detectors that stand on them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

# Scikit-learn takes seconds to import: a name is looked up when it is first asked for.
_NAMES = {
    "adapters": ("as_pyod", "as_pytorch_ood"),
    "bookkeeping": ("Account", "Report"),
    "byte_pairs": ("BytePairEncoding",),
    "code_length": ("FlacBits", "PngBits"),
    "coin": ("CategoricalTypicality", "CoinTypicality"),
    "detectors.annulus": ("LatentAnnulus",),
    "detectors.batch": ("BatchTypicalityTest",),
    "detectors.complexity": ("InputComplexity",),
    "detectors.density_of_states": ("DensityOfStates", "DensityOfStatesSVM"),
    "detectors.ensemble": ("WAIC",),
    "detectors.martingale": ("MartingaleTest",),
    "detectors.one_point": ("OnePointTypicality",),
    "detectors.ratio": ("LikelihoodRatio",),
    "detectors.regret": ("LikelihoodRegret",),
    "detectors.threshold": ("LikelihoodThreshold",),
    "entropy": (
        "conditional_entropy",
        "cross_entropy",
        "enumerated_entropy",
        "markov_entropy_rate",
        "sampled_entropy",
    ),
    "gaussian": ("GaussianTypicality",),
    "martingale": ("martingale_score",),
    "mirage": ("Mirage",),
    "monitor.monitor": ("Monitor",),
    "parzen": ("Parzen",),
    "point_process": ("PoissonProcess", "log_prob_over_orders"),
    "recordings": ("RecordingDetector",),
    "regret": ("likelihood_regret",),
    "representation": ("DroppedBits", "Ordered", "Representation", "SymbolCounts"),
    "segmentation": ("Unigram",),
    "sphere": ("sphere_log_area",),
    "statistics": ("ModelLatents", "ModelStatistics"),
    "surprisal": ("surprisals",),
    "typical_set": ("TypicalSet",),
}
_HOME = {name: module for module, names in _NAMES.items() for name in names}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
