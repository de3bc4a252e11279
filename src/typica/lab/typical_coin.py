"""Which epsilon a typical set needs: its mass falls with a total one, and rises per symbol."""

from __future__ import annotations

from matplotlib.figure import Figure

from typica.lab.drawing import BLUE, GREEN, GREY, ORANGE, canvas
from typica.lab.study import Bench, Number, Study, Table
from typica.typicality import CoinTypicality, GaussianTypicality
from typica.typicality.units import Per

P, TOTAL, EACH = 0.75, 4.0, 0.1  # of heads; bits; bits a toss or dimension
SIZES = [2**power for power in range(2, 20)]
SHOWN = [(16, TOTAL, "total"), (256, TOTAL, "total"), (4096, TOTAL, "total")]
SHOWN += [(16, EACH, "dim"), (256, EACH, "dim"), (1024, EACH, "dim"), (4096, EACH, "dim")]


def study(bench: Bench) -> Study:
    """Compute mass and size of typical sets of growing length, exactly."""
    coins = [CoinTypicality(n, P) for n in SIZES]
    total = [coin.mass(TOTAL, unit="bits", per="total") for coin in coins]
    each = [coin.mass(EACH, unit="bits", per="dim") for coin in coins]
    share = [coin.log2_share(EACH, unit="bits", per="dim") / coin.n for coin in coins]
    thousand = CoinTypicality(1024, P)
    gaussian = [GaussianTypicality(K).mass(20, unit="bits", per="total") for K in (100, 10**4)]
    numbers = [
        Number("mass, 16 tosses, 4 bits in all", CoinTypicality(16, P).mass(4, **_in("total"))),
        Number(
            "mass, 4096 tosses, 4 bits in all",
            CoinTypicality(4096, P).mass(4, **_in("total")),
            published="tends towards 1",
            remark="true per symbol; with the article's own definition, a total epsilon, it is 0",
        ),
        Number("mass, 1024 tosses, 0.1 bit a toss", thousand.mass(EACH, **_in("dim"))),
        Number(
            "log2 of the share of all sequences that these are",
            thousand.log2_share(EACH, **_in("dim")),
            published="most of the support",
            remark="it covers most of the mass, and next to nothing of the support",
        ),
        Number("mass, Gaussian, K = 100, 20 bits in all", gaussian[0]),
        Number("mass, Gaussian, K = 10000, 20 bits in all", gaussian[1]),
    ]
    finding = (
        f"With {TOTAL:g} bits in all the mass falls from {total[2]:.3f} at 16 tosses to"
        f" {total[-1]:.4f} at {SIZES[-1]}; with {EACH:g} bit a toss it rises to one, in a share of"
        f" all sequences that falls like 2^({share[-1]:.3f} n). Equipartition is a law of the"
        " mean surprisal of a symbol: epsilon has to be counted per symbol."
    )
    return Study(
        source="Musings on typicality, section 4: the definition of a typical set and its AEP",
        claim="As dimensions grow, samples are in the typical set with a probability towards 1,"
        " and it covers most of the support.",
        finding=finding,
        numbers=numbers,
        tables=[_table()],
        figure=_draw(total, each, share),
    )


def _in(per: Per) -> dict:
    return {"unit": "bits", "per": per}


def _table() -> Table:
    rows = []
    for n, eps, per in SHOWN:
        coin = CoinTypicality(n, P)
        measures = coin.mass, coin.log2_size, coin.log2_share
        mass, size, share = (one(eps, unit="bits", per=per) for one in measures)
        unit = "bits" if per == "total" else "bit a toss"
        rows.append([n, f"{eps:g} {unit}", f"{mass:.7f}", f"{size:.2f}", f"{share:.2f}"])
    columns = ["tosses", "eps", "mass", "log2 of its size", "log2 of its share of all sequences"]
    return Table("Typical sets of a coin with heads three times in four, by counts", columns, rows)


def _draw(total: list[float], each: list[float], share: list[float]) -> Figure:
    figure, axes = canvas(1, 2, width=9.0, height=3.3)
    left, right = axes.flat
    left.semilogx(SIZES, each, "o-", color=BLUE, markersize=4, label=f"{EACH:g} bit a toss")
    left.semilogx(SIZES, total, "o-", color=ORANGE, markersize=4, label=f"{TOTAL:g} bits in all")
    left.axhline(1, color=GREY, linewidth=0.8)
    left.set_title("Mass of the typical set")
    left.set_ylabel("probability")
    left.legend(loc="center right")
    right.semilogx(SIZES, share, "o-", color=GREEN, markersize=4)
    right.set_title(f"Share of all sequences, at {EACH:g} bit a toss")
    right.set_ylabel("log2 of the share, over n")
    right.set_ylim(top=0)
    for ax in (left, right):
        ax.set_xlabel("number of tosses n")
    return figure
