"""A Gaussian kernel density of one statistic, for a million values in a fraction of a second."""

from __future__ import annotations

import math

import numpy as np
from scipy.signal import fftconvolve

from typica.typicality.detectors.kernel_tail import KernelTail, reach

NODES_PER_BANDWIDTH = 128
LARGEST_TABLE = 2**21  # nodes: a reference spread wider is tabulated around its median
WIDEST_GAP = 24  # bandwidths of a gap that are tabulated: in what lies between no kernel counts
REACH = 10.0  # bandwidths: the kernel is taken as 0 beyond, at 1e-22 of its peak
FLOOR = math.exp(-4.5)  # kernel heights: less than a single point three bandwidths away
# Gaps may be too wide for the table from twice three bandwidths on. Where few points are within
# reach of them, sums are quicker.
WIDE, NEAR, MANY = 5.0, 6.0, 256
TERMS_AT_ONCE = 2**22
ROUNDING = 1e-9


class KernelDensity:
    """The log-density of a statistic, in units of its own spread.

    The bandwidth is Silverman's rule of thumb, 0.9 min(sd, IQR / 1.349) n^(-1/5), so that
    densities do not change with the statistic's unit and origin.

    Where the reference lies, log-densities are read off a table (linear binning, linear
    interpolation of the logarithm). Let d be the distances, in bandwidths, of the points that
    matter at x. Each of the two steps errs by less than E[d^2] / (8 * 128^2), and above the
    floor E[d^2] < 10 + 2 ln n: less than 0.0006 nats in all for a million points. Below the
    floor, beyond the outermost points and in wide gaps, it is the sum of a tail from either
    side, which splines hold (`KernelTail`: 0.0001 nats). Where fewer than 256
    points on either side are near, or the points are spread over more than 16,000 bandwidths
    (wide gaps not counted), the sum over those that matter is computed as it stands.

    Args:
        points: The reference, (examples,), finite.
        bandwidth: In units of the rule of thumb.

    Source: Silverman 1986, "Density estimation", equation 3.31 and section 3.5.
    """

    def __init__(self, points: np.ndarray, bandwidth: float = 1.0) -> None:
        self.count = len(points)
        self.centre, self.scale = float(np.median(points)), spread(points)
        standard = (points - self.centre) / self.scale
        self.bandwidth = 0.9 * bandwidth * self.count ** (-1 / 5)
        # From here on the unit is the bandwidth.
        self._points, counts = np.unique(standard / self.bandwidth, return_counts=True)
        self._weights = counts.astype(np.float64)
        self._squeeze()
        self._tabulate()
        self._tails = {gap: self._tails_of(gap) for gap in self._crowded_gaps()}

    def log_density(self, values: np.ndarray) -> np.ndarray:
        """Return log-densities in nats, (values,), of finite values."""
        x = (values - self.centre) / (self.scale * self.bandwidth)
        position = (self._squeezed(x) - self._origin) * NODES_PER_BANDWIDTH
        inside = (position >= 0) & (position < len(self._table) - 1)
        node = np.where(inside, position, 0).astype(np.int64)
        low, high = self._table[node], self._table[node + 1]
        log_sum = low + (position - node) * (high - low)
        far = ~inside | (np.minimum(low, high) < math.log(FLOOR))
        log_sum[far] = self._log_sum(x[far])
        return log_sum - math.log(self.count * self.bandwidth * math.sqrt(2 * math.pi))

    def _squeeze(self) -> None:
        """Find the middles of the widest gaps, and what is cut out of the axis up to each."""
        gaps = np.diff(self._points)
        wide = gaps > WIDEST_GAP
        self._middles = self._points[:-1][wide] + gaps[wide] / 2
        cut = np.concatenate([[0.0], np.cumsum(gaps[wide] - WIDEST_GAP)])
        self._cut = cut - cut[np.searchsorted(self._middles, 0.0)]  # the median stays at 0
        ends = self._points[:-1][wide] - self._cut[:-1] + WIDEST_GAP / 2
        self._begin = np.concatenate([[-np.inf], ends, [np.inf]])

    def _squeezed(self, x: np.ndarray) -> np.ndarray:
        """Return places on the table's axis, where no gap is wider than `WIDEST_GAP`."""
        if not len(self._middles):
            return x
        part = np.searchsorted(self._middles, x)
        # What is cut out of a gap is taken to its middle, where the table is below the floor.
        return np.clip(x - self._cut[part], self._begin[part], self._begin[part + 1])

    def _tabulate(self) -> None:
        """Tabulate the logarithm of the sum of kernels."""
        most = LARGEST_TABLE / NODES_PER_BANDWIDTH / 2 - REACH
        points = self._squeezed(self._points)
        low, high = max(points[0], -most), min(points[-1], most)
        # One more reach of points is binned than is tabulated, for what lies beyond a cut.
        self._origin = math.floor(low - 2 * REACH)
        nodes = (math.ceil(high + 2 * REACH) - self._origin) * NODES_PER_BANDWIDTH + 1
        position = (points - self._origin) * NODES_PER_BANDWIDTH
        binned = (position >= 0) & (position < nodes - 1)
        node = position[binned].astype(np.int64)
        right = (position[binned] - node) * self._weights[binned]
        counts = np.bincount(node, self._weights[binned] - right, nodes)
        counts += np.bincount(node + 1, right, nodes)
        margin = int(REACH * NODES_PER_BANDWIDTH)
        offsets = np.arange(-margin, margin + 1) / NODES_PER_BANDWIDTH
        sums = fftconvolve(counts, np.exp(-(offsets**2) / 2), mode="valid")
        self._table = np.log(np.maximum(sums, FLOOR / 2))
        self._origin += REACH

    def _crowded_gaps(self) -> np.ndarray:
        """Return which gaps, that before the first point being 0, are held as tails."""
        last = len(self._points)
        wide = np.flatnonzero(np.diff(self._points) > WIDE) + 1
        left, right = self._points[wide - 1], self._points[wide]
        before = wide - np.searchsorted(self._points, left - NEAR)
        after = np.searchsorted(self._points, right + NEAR) - wide
        return np.concatenate([[0], wide[np.maximum(before, after) > MANY], [last]])

    def _tails_of(self, gap: int) -> list[KernelTail]:
        """Return the tails that reach into a gap: of the points before, and of those after."""
        sides = [slice(gap - 1, None, -1)] if gap > 0 else []
        sides += [slice(gap, None)] if gap < len(self._points) else []
        width = float(np.ptp(self._points[gap - 1 : gap + 1])) if len(sides) == 2 else math.inf
        return [KernelTail(self._points[side], self._weights[side], width) for side in sides]

    def _log_sum(self, x: np.ndarray) -> np.ndarray:
        """Return the logarithm of the sum of kernels where it is below the floor."""
        result = np.empty(len(x))
        gap = np.searchsorted(self._points, x)
        crowded = np.isin(gap, list(self._tails))
        result[~crowded] = self._log_sum_of_points(x[~crowded])
        order = np.flatnonzero(crowded)[np.argsort(gap[crowded], kind="stable")]
        hit, starts = np.unique(gap[order], return_index=True)
        for one, chosen in zip(hit, np.split(order, starts[1:]), strict=False):
            tails = [tail(x[chosen]) for tail in self._tails[one]]
            result[chosen] = tails[0] if len(tails) == 1 else np.logaddexp(*tails)
        return result

    def _log_sum_of_points(self, x: np.ndarray) -> np.ndarray:
        after = np.searchsorted(self._points, x).clip(0, len(self._points) - 1)
        before = np.maximum(after - 1, 0)
        left, right = np.abs(x - self._points[before]), np.abs(x - self._points[after])
        nearest, distance = np.where(left < right, before, after), np.minimum(left, right)
        furthest = distance + reach(distance, self.count)
        begin = np.minimum(np.searchsorted(self._points, x - furthest), nearest)
        end = np.maximum(np.searchsorted(self._points, x + furthest, "right"), nearest + 1)
        return self._sum_windows(x, distance, begin, end) - distance**2 / 2

    def _sum_windows(
        self, x: np.ndarray, distance: np.ndarray, begin: np.ndarray, end: np.ndarray
    ) -> np.ndarray:
        """Return log sum_i w_i exp((distance^2 - (x - x_i)^2) / 2), i from begin to end."""
        result = np.empty(len(x))
        block = np.cumsum(end - begin) // TERMS_AT_ONCE
        for number in np.unique(block):
            chosen = np.flatnonzero(block == number)
            sizes = end[chosen] - begin[chosen]
            first = np.cumsum(sizes) - sizes
            point = np.arange(sizes.sum()) + np.repeat(begin[chosen] - first, sizes)
            away = np.abs(np.repeat(x[chosen], sizes) - self._points[point])
            near = np.repeat(distance[chosen], sizes)
            kernels = self._weights[point] * np.exp((near - away) * (near + away) / 2)
            result[chosen] = np.log(np.add.reduceat(kernels, first))
        return result


def spread(points: np.ndarray) -> float:
    """Return min(sd, IQR / 1.349); the sd where the IQR is 0, and 1 where all are equal.

    Equal is what `constant` calls so.
    """
    if constant(points):
        return 1.0
    low, high = np.quantile(points, [0.25, 0.75])
    deviation = float(points.std())
    return min(deviation, float(high - low) / 1.349) if high > low else deviation


def constant(points: np.ndarray) -> np.ndarray:
    """Tell where (examples, ...) differ by rounding only: by 1e-9 of the median's magnitude."""
    return np.ptp(points, axis=0) <= ROUNDING * np.abs(np.median(points, axis=0))
