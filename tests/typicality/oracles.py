"""Writes oracles.json: what the mathematics of typicality comes to, by mpmath at 50 digits.

Run as `python tests/typicality/oracles.py`. It imports nothing of typica, and takes other ways
where it can: sums over counts, quadrature of densities, roots of defining equations.
Values are decimal strings of 25 digits.
"""

import json
from pathlib import Path

from mpmath import mp, mpf

mp.dps = 50
SIZES = [1, 2, 3, 10, 100, 343, 344, 1000, 10**4, 10**6]
LN2, LN4 = mp.log(2), mp.log(4)


def coin_16_3_4():
    """Return the table of 16 tosses of a coin that shows heads three times in four."""
    toss = -(mpf(3) / 4 * mp.log(mpf(3) / 4, 2) + mpf(1) / 4 * mp.log(mpf(1) / 4, 2))
    rows = []
    for heads in range(17):
        sequence = mpf(3) ** heads / mpf(4) ** 16
        rows.append(
            {
                "heads": heads,
                "sequences": int(mp.binomial(16, heads)),
                "sequence_probability": sequence,
                "count_probability": sequence * mp.binomial(16, heads),
                "deviation_bits": -mp.log(sequence, 2) - 16 * toss,
            }
        )
    counts = [row["count_probability"] for row in rows]
    return {
        "entropy_per_toss_bits": toss,
        "entropy_bits": 16 * toss,
        "count_entropy_bits": -sum(p * mp.log(p, 2) for p in counts),
        "rows": rows,
    }


def coin_typical_sets():
    """Return mass and size of typical sets of a 3/4 coin, summed over counts of heads."""
    total = [(n, eps, "total") for n in (16, 64, 256, 1024, 4096) for eps in (1, 2, 4)]
    each = [(n, "0.1", "dim") for n in (16, 256, 1024, 4096, 10**6)]
    return [_coin_set(*case) for case in total + each]


def _coin_set(n, eps, per):
    """Count heads h with |(3n/4 - h) log2(3)| <= eps bits; none of these eps hits a boundary."""
    reach = mpf(eps) * (n if per == "dim" else 1) / mp.log(3, 2)
    low = max(0, int(mp.ceil(mpf(3 * n) / 4 - reach)))
    high = min(n, int(mp.floor(mpf(3 * n) / 4 + reach)))
    size = mass = mpf(0)
    sequences = mp.binomial(n, low)
    probability = mp.exp(low * mp.log(3) - n * LN4)
    for heads in range(low, high + 1):
        size, mass = size + sequences, mass + sequences * probability
        sequences, probability = sequences * (n - heads) / (heads + 1), probability * 3
    log2_size = mp.log(size, 2)
    return {
        "n": n,
        "eps_bits": mpf(eps),
        "per": per,
        "mass": mass,
        "log2_size": log2_size,
        "log2_share": log2_size - n,
    }


def chi2(low, high, K):
    """Return the mass of a chi-square law from `low` to `high`, by quadrature of its density."""
    a = mpf(K) / 2
    centre, spread = mpf(max(K - 2, 0)), mp.sqrt(2 * mpf(K))
    low, high = max(mpf(low), mpf(0)), mpf(high)
    edges = [centre + step * spread for step in range(-26, 60, 2)]
    points = [low, *(edge for edge in edges if low < edge < high), high]
    if K == 1:
        return mp.erf(mp.sqrt(high / 2)) - mp.erf(mp.sqrt(low / 2))
    constant = -mp.loggamma(a) - a * LN2
    return mp.quad(lambda x: mp.exp((a - 1) * mp.log(x) - x / 2 + constant) if x else 0, points)


def far(K):
    """Return a square of the radius beyond which nothing of 50 digits is left."""
    return K + 60 * mp.sqrt(2 * mpf(K)) + 300


def annulus_K100():
    """Return the masses between, below and above the radii of the article."""
    return {
        "9<r<11": chi2(81, 121, 100),
        "8<r<12": chi2(64, 144, 100),
        "r<8": chi2(0, 64, 100),
        "r>12": chi2(144, far(100), 100),
        "r<9": chi2(0, 81, 100),
        "r>11": chi2(121, far(100), 100),
    }


def chi_moments():
    """Return mean, variance and mode of the radius of a standard Gaussian."""
    rows = []
    for K in SIZES:
        mean = mp.sqrt(2) * mp.exp(mp.loggamma(mpf(K + 1) / 2) - mp.loggamma(mpf(K) / 2))
        rows.append({"K": K, "mean": mean, "variance": K - mean**2, "mode": mp.sqrt(K - 1)})
    return rows


def annulus_sqrtK_pm_c():
    """Return P(|r - sqrt K| <= c), and its limit erf(c)."""
    rows = []
    for K in (10, 100, 1000, 10**4, 10**6):
        for c in (1, 2):
            root = mp.sqrt(K)
            mass = chi2((root - c) ** 2, (root + c) ** 2, K)
            rows.append({"K": K, "c": c, "mass": mass, "limit": mp.erf(c)})
    return rows


def gaussian_typical_sets():
    """Return radii, width and mass of typical sets of a standard Gaussian."""
    total = [(100, eps, "total") for eps in (1, 5, 10, 20, 50, 72, 73, 100)]
    total += [(K, eps, "total") for K in SIZES for eps in (4, 20)]
    each = [(K, "0.1", "dim") for K in SIZES]
    rows = []
    for K, eps, per in total + each:
        square = mpf(eps) * (K if per == "dim" else 1) * LN4
        low, high = mp.sqrt(max(K - square, 0)), mp.sqrt(K + square)
        mass = chi2(low**2, high**2, K)
        row = {"K": K, "eps_bits": mpf(eps), "per": per, "r_lo": low, "r_hi": high}
        rows.append(row | {"width": high - low, "mass": mass})
    return rows


def gaussian_mass_vs_width():
    """Return eps (bits) and mass of the typical set of each width, K = 100."""
    rows = []
    for width in ("0.5", 1, 2, 3, 4, 8, 14, "14.142", 15):
        w = mpf(width)
        inner = w <= mp.sqrt(200)
        square = w * mp.sqrt(100 - w**2 / 4) if inner else w**2 - 100
        mass = chi2(100 - square, 100 + square, 100)
        rows.append({"K": 100, "width": w, "eps_bits": square / LN4, "mass": mass})
    return rows


def gaussian_eps_for_mass():
    """Return the eps (bits, total) of typical sets of given mass, by the secant method."""
    rows = []
    for K in (1, 2, 10, 100, 1000, 10**4):
        for mass in ("0.5", "0.9", "0.95", "0.99"):
            start = mp.sqrt(K) * mpf(mass) * (2 if K > 2 else 1)
            eps = mp.findroot(
                lambda e, K=K, mass=mass: chi2(K - e * LN4, K + e * LN4, K) - mpf(mass),
                (start, start * mpf("1.1")),
                tol=mpf(10) ** -60,
            )
            rows.append({"K": K, "mass": mpf(mass), "eps_bits": eps})
    return rows


def gaussian_entropy():
    """Return the entropy of a standard Gaussian."""
    nats = [(K, mpf(K) / 2 * (1 + mp.log(2 * mp.pi))) for K in SIZES]
    return [{"K": K, "nats": one, "bits": one / LN2} for K, one in nats]


def log_area(K):
    """Return the log of the area of the unit sphere of R^K."""
    return LN2 + mpf(K) / 2 * mp.log(mp.pi) - mp.loggamma(mpf(K) / 2)


def mirage_log_density(K, r):
    """Return log f of the mirage at radius r."""
    half_normal = LN2 - mp.log(2 * mp.pi * K) / 2 - r**2 / (2 * mpf(K))
    return half_normal - (K - 1) * mp.log(r) - log_area(K)


def mirage_expectation(K, function):
    """Return E[function(r)], r half-normal with variance parameter K, by quadrature."""
    scale = mp.sqrt(K)
    points = [mpf(u) for u in (0, "1e-30", "1e-12", "1e-6", "1e-3", "0.1", 1, 2, 4, 8, 16)]
    return mp.quad(lambda u: 2 * mp.npdf(u) * function(u * scale), points)


def mirage():
    """Return entropy, typical radius and spread of the mirage; checked where that is possible."""
    return [_mirage_row(K) for K in SIZES]


def _mirage_row(K):
    entropy = mpf(1) / 2 + mpf(K - 1) / 2 * (mp.log(mpf(K) / 2) - mp.euler)
    entropy += mp.log(2 * mp.pi * K) / 2 + mpf(K) / 2 * mp.log(mp.pi) - mp.loggamma(mpf(K) / 2)
    measured = mirage_expectation(K, lambda r: -mirage_log_density(K, r))
    assert abs(measured - entropy) < mpf(10) ** -25 * K, K
    spread = mirage_expectation(K, lambda r: (mirage_log_density(K, r) + entropy) ** 2)
    varentropy = mpf(1) / 2 + (K - 1) + mpf(K - 1) ** 2 * mp.pi**2 / 8
    assert abs(spread / varentropy - 1) < mpf(10) ** -20, K
    radius = _root_of_density(K, -entropy)
    normal = mpf(K) / 2 * mp.log(2 * mp.pi * mp.e)
    log_ratio_mean = _normal_expectation_of_log_ratio(K)
    return {
        "K": K,
        "entropy": entropy,
        "varentropy": varentropy,
        "typical_radius": radius,
        "typical_radius_over_sqrtK": radius / mp.sqrt(K),
        "mass_inside_typical_radius": mp.erf(radius / mp.sqrt(2 * mpf(K))),
        "logpdf_at_r_1": mirage_log_density(K, mpf(1)),
        "logpdf_at_r_sqrtK": mirage_log_density(K, mp.sqrt(K)),
        "coordinate_kurtosis": mpf(9 * K) / (K + 2),
        "kl_mirage_normal": normal - entropy,
        "kl_normal_mirage": log_ratio_mean,
    }


def _root_of_density(K, value):
    """Return the radius at which log f of the mirage is `value`, by bisection of log r."""
    low, high = mpf(-3000), mpf(20)
    for _ in range(230):
        middle = (low + high) / 2
        if mirage_log_density(K, mp.exp(middle)) > value:
            low = middle
        else:
            high = middle
    return mp.exp(low)


def _normal_expectation_of_log_ratio(K):
    """Return KL(N || M), from E[r^2] = K and E[ln r] of a chi law."""
    mean_log = (mp.digamma(mpf(K) / 2) + LN2) / 2
    mirage_part = LN2 - mp.log(2 * mp.pi * K) / 2 - mpf(1) / 2 - (K - 1) * mean_log - log_area(K)
    return -mpf(K) / 2 * mp.log(2 * mp.pi * mp.e) - mirage_part


def mirage_limits():
    """Return what the mirage tends to as K grows."""
    radius = mp.exp(-mp.euler / 2) / mp.sqrt(2)
    return {
        "typical_radius_over_sqrtK": radius,
        "mass_inside_typical_radius": mp.erf(radius / mp.sqrt(2)),
        "entropy_per_dim": (1 + mp.log(mp.pi) - mp.euler) / 2,
        "entropy_gap_per_dim": (LN2 + mp.euler) / 2,
        "spread_per_dim": mp.pi / mp.sqrt(8),
        "half_normal_mean": mp.sqrt(2 / mp.pi),
        "half_normal_median": mp.sqrt(2) * mp.erfinv(mpf(1) / 2),
        "half_normal_sd": mp.sqrt(1 - 2 / mp.pi),
    }


def tv_N_M():
    """Return the total variation between Gaussian and mirage: that of their radii."""
    return [{"K": K, "tv": _total_variation(K)} for K in SIZES if K > 1]


def _total_variation(K):
    """Integrate chi less half-normal between the two radii at which they cross."""
    root = mp.sqrt(K)

    def log_ratio(log_radius):
        r = mp.exp(log_radius) * root
        return -mpf(K) / 2 * mp.log(2 * mp.pi) - r**2 / 2 - mirage_log_density(K, r)

    inner, outer = _crossing(log_ratio, -1), _crossing(log_ratio, 1)
    low, high = K * mp.exp(2 * inner), K * mp.exp(2 * outer)
    mirage_mass = mp.erf(mp.exp(outer) / mp.sqrt(2)) - mp.erf(mp.exp(inner) / mp.sqrt(2))
    return chi2(low, high, K) - mirage_mass


def _crossing(log_ratio, side):
    inside, outside = mpf(0), mpf(side * 5)
    for _ in range(180):
        middle = (inside + outside) / 2
        if log_ratio(middle) > 0:
            inside = middle
        else:
            outside = middle
    return inside


def mirage_typical_sets():
    """Return radii and mass of typical sets of the mirage, eps in nats per dimension."""
    rows = []
    for K in SIZES:
        for eps in ("0.001", "0.1", 1, 3):
            rows.append({"K": K, "eps_nats_per_dim": mpf(eps)} | _mirage_set(K, mpf(eps) * K))
    return rows


def _mirage_set(K, eps):
    if K == 1:
        low, high = mp.sqrt(max(1 - 2 * eps, 0)), mp.sqrt(1 + 2 * eps)
    else:
        level = mirage_log_density(K, _typical_radius(K))
        low, high = _root_of_density(K, level + eps), _root_of_density(K, level - eps)
    scale = mp.sqrt(2 * mpf(K))
    return {"r_lo": low, "r_hi": high, "mass": mp.erf(high / scale) - mp.erf(low / scale)}


def _typical_radius(K):
    entropy = mpf(1) / 2 + mpf(K - 1) / 2 * (mp.log(mpf(K) / 2) - mp.euler)
    entropy += mp.log(2 * mp.pi * K) / 2 + mpf(K) / 2 * mp.log(mp.pi) - mp.loggamma(mpf(K) / 2)
    return _root_of_density(K, -entropy)


def mirage_eps_for_mass():
    """Return the eps (nats per dimension) of typical sets of the mirage of given mass."""
    rows = []
    for K in (2, 10, 100, 10**4):
        for mass in ("0.5", "0.9", "0.99"):
            low, high = mpf(0), mpf(20)
            for _ in range(100):
                middle = (low + high) / 2
                if _mirage_set(K, middle * K)["mass"] < mpf(mass):
                    low = middle
                else:
                    high = middle
            rows.append({"K": K, "mass": mpf(mass), "eps_nats_per_dim": low})
    return rows


def mirage_coordinate_pdf():
    """Return the density of one coordinate, by r = |x| cosh(s); closed forms where there are."""
    points = [mpf(x) for x in ("1e-6", "0.01", "0.1", "0.5", "1", "2", "3", "8", "30")]
    rows = [{"K": K, "x": x, "pdf": _coordinate(K, x)} for K in SIZES for x in points]
    for row in rows:
        if row["K"] == 3:
            exact = mp.e1(row["x"] ** 2 / 6) / (2 * mp.sqrt(6 * mp.pi))
            assert abs(row["pdf"] / exact - 1) < mpf(10) ** -25
    return rows + [{"K": "inf", "x": x, "pdf": mp.besselk(0, x) / mp.pi} for x in points]


def _coordinate(K, x):
    if K == 1:
        return mp.npdf(x)
    beta = mp.beta(mpf(1) / 2, mpf(K - 1) / 2)
    top = mp.acosh(mp.sqrt(1 + 260 * K / x**2))
    points = [top * step / 40 for step in range(41)]
    integral = mp.quad(
        lambda s: mp.exp(-((x * mp.sinh(s)) ** 2) / (2 * K)) * mp.tanh(s) ** (K - 2), points
    )
    return 2 / mp.sqrt(2 * mp.pi * K) * mp.exp(-(x**2) / (2 * K)) * integral / beta


def unit_sphere_area():
    """Return the area of the unit sphere of R^K and its log, and where it is largest."""
    rows = [{"K": K, "log_area": log_area(K)} for K in sorted({*range(1, 11), *SIZES})]
    peak = 2 * mp.findroot(lambda a: mp.digamma(a) - mp.log(mp.pi), mpf("3.6"))
    return {"rows": rows, "continuous_maximum": peak}


TABLES = [
    coin_16_3_4,
    coin_typical_sets,
    annulus_K100,
    chi_moments,
    annulus_sqrtK_pm_c,
    gaussian_typical_sets,
    gaussian_mass_vs_width,
    gaussian_eps_for_mass,
    gaussian_entropy,
    mirage,
    mirage_limits,
    tv_N_M,
    mirage_typical_sets,
    mirage_eps_for_mass,
    mirage_coordinate_pdf,
    unit_sphere_area,
]


def main():
    tables = {table.__name__: table() for table in TABLES}
    text = json.dumps(tables, indent=1, default=lambda value: mp.nstr(value, 25))
    Path(__file__).with_suffix(".json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
