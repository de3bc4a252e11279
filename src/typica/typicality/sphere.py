"""The area of the unit sphere, in any number of dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import gammaln

from typica.core.errors import ConfigError
from typica.typicality.units import as_array, like


def sphere_log_area(K: Any) -> Any:
    """Return log(2 pi^(K/2) / Gamma(K/2)), the area of the unit sphere {|x| = 1} of R^K.

    That sphere is a surface of K - 1 dimensions, commonly written S^(K-1).

    Args:
        K: Dimensions of the space around the sphere, positive; a number or any shape.

    Raises:
        ConfigError: A K is not positive.
    """
    half = as_array(K) / 2
    if not bool(np.all(half > 0)):
        raise ConfigError(f"a sphere lies in a space of at least one dimension, got K={K}")
    return like(np.log(2) + half * np.log(np.pi) - gammaln(half), K)
