"""Classification accuracy of samples: digits, their Gaussians, wrong labels, a lost mode, noise."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.distributions import MultivariateNormal

from typica.core.randomness import seeded
from typica.evaluation.classification_accuracy import ClassificationAccuracy, Sampler, cas
from typica.images.dequantise import dequantise
from typica.lab.drawing import BLUE, GREY, ORANGE, canvas
from typica.lab.study import Bench, Number, Study, Table
from typica.typicality.dilution import diluted_log_prob, largest_loss

LEVELS, PIXELS, SHARE = 17, 64, 0.01
RIDGE = LEVELS**-2  # added to the variance of every pixel: some never change
LOST, INSTEAD = 4, 9
SEEDS = range(8)
PUBLISHED = {"real": (73.09, 91.47), "VQ-VAE-2": (54.83, 77.59), "BigGAN-deep": (42.65, 65.92)}


class Digits(NamedTuple):
    """Digits dequantised and scaled: values in [0, 1)."""

    training: NDArray
    labels: NDArray
    validation: NDArray
    validation_labels: NDArray


def study(bench: Bench) -> Study:
    """Score five samplers of digits by three classifiers, and one mixture by its likelihood too."""
    data = _digits(bench.seed)
    samplers = _samplers(data)
    counts = {label: int((data.labels == label).sum()) for label in range(10)}
    real = data.validation, data.validation_labels
    scores: dict[tuple[str, str], ClassificationAccuracy] = {}
    for name, sampler in samplers.items():
        for kind in ("logistic regression", "random forest", "nearest neighbours"):
            scores[name, kind] = cas(sampler, _classifiers(kind), real, counts, SEEDS)
    loss = _losses(data)
    figure, axes = canvas(1, 2, width=11, height=3.8)
    first = {name: scores[name, "logistic regression"] for name in samplers}
    means = [score.mean for score in first.values()]
    axes[0, 0].barh(list(first), means, color=BLUE)
    spans = [(low, high) for low, high in (score.interval for score in first.values())]
    axes[0, 0].hlines(range(len(first)), *zip(*spans, strict=True), color=GREY)
    axes[0, 0].axvline(0.1, color=GREY, ls=":", label="chance")
    axes[0, 0].invert_yaxis()
    axes[0, 0].set(
        xlabel="accuracy on real digits", title=f"Logistic regression, {len(SEEDS)} seeds"
    )
    axes[0, 0].legend(loc="lower right")
    for shift, name in ((-0.2, "class Gaussians"), (0.2, f"{LOST} drawn as {INSTEAD}")):
        colour = BLUE if shift < 0 else ORANGE
        heights = list(first[name].recall.values())
        axes[0, 1].bar(np.arange(10) + shift, heights, 0.38, color=colour, label=name)
    axes[0, 1].set(xlabel="digit", ylabel="recall", title="Class by class", ylim=(0, 1.25))
    axes[0, 1].set_xticks(range(10))
    axes[0, 1].legend(loc="upper left", ncols=2)
    noisy = {kind: score for (name, kind), score in scores.items() if name == "99 % noise"}
    told = ", ".join(
        f"{score.mean:.2f} [{score.interval[0]:.2f}, {score.interval[1]:.2f}] by {kind}"
        for kind, score in noisy.items()
    )
    return Study(
        "Ravuri and Vinyals 2019; Theis et al. 2016, section 3.2",
        "What a classifier learns from samples shows what likelihood does not.",
        f"Diluted with 99 % noise, the Gaussians lose {loss.mean():.2f} nats of log-likelihood, at "
        f"most {loss.max():.3f}. Their score was {first['class Gaussians'].mean:.3f} by logistic "
        f"regression; diluted it is {told}: it falls by every classifier, by how much is its own.",
        [*_score_numbers(first), *_loss_numbers(loss), *_errata()],
        figure,
        [_table(scores), _recalls(first)],
    )


def _digits(seed: int) -> Digits:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    codes, labels = load_digits(return_X_y=True)
    values = dequantise(torch.from_numpy(codes), seeded(seed)).numpy() / LEVELS
    split = train_test_split(values, labels, test_size=0.4, random_state=seed, stratify=labels)
    return Digits(split[0], split[2], split[1], split[3])


def _samplers(data: Digits) -> dict[str, Sampler]:
    densities = _gaussians(data)

    def real(label: Any, count: int, rng: np.random.Generator) -> NDArray:
        return rng.choice(data.training[data.labels == label], count)

    def gaussian(label: Any, count: int, rng: np.random.Generator) -> NDArray:
        noise = torch.from_numpy(rng.standard_normal((count, PIXELS)))
        density = densities[label]
        return (density.loc + noise @ density.scale_tril.T).numpy()

    def noisy(label: Any, count: int, rng: np.random.Generator) -> NDArray:
        is_model = rng.random((count, 1)) < SHARE
        noise = rng.random((count, PIXELS))
        return np.where(is_model, gaussian(label, count, rng), noise)

    return {
        "real digits": real,
        "class Gaussians": gaussian,
        f"{LOST} drawn as {INSTEAD}": lambda label, count, rng: gaussian(
            INSTEAD if label == LOST else label, count, rng
        ),
        "99 % noise": noisy,
        "permuted labels": lambda label, count, rng: real((label + 1) % 10, count, rng),
    }


def _gaussians(data: Digits) -> list[MultivariateNormal]:
    densities = []
    for label in range(10):
        own = torch.from_numpy(data.training[data.labels == label])
        covariance = own.T.cov() + RIDGE * torch.eye(PIXELS, dtype=torch.float64)
        densities.append(MultivariateNormal(own.mean(0), covariance))
    return densities


def _losses(data: Digits) -> NDArray:
    """Return the nats that each real digit loses, given its class, when the model is diluted."""
    values = torch.from_numpy(data.validation)
    every = torch.stack([density.log_prob(values) for density in _gaussians(data)])
    log_prob = every[torch.from_numpy(data.validation_labels), torch.arange(len(values))]
    noise = torch.zeros_like(log_prob)  # uniform on the unit cube
    return (log_prob - diluted_log_prob(log_prob, noise, SHARE)).numpy()


def _classifiers(kind: str) -> Any:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier

    return {
        "logistic regression": lambda seed: LogisticRegression(max_iter=1000),
        "random forest": lambda seed: RandomForestClassifier(50, random_state=seed),
        "nearest neighbours": lambda seed: KNeighborsClassifier(3),
    }[kind]


def _score_numbers(scores: dict[str, ClassificationAccuracy]) -> list[Number]:
    numbers = [Number(f"score, {name}", score.mean) for name, score in scores.items()]
    lost = scores[f"{LOST} drawn as {INSTEAD}"].recall[LOST]
    return [*numbers, Number(f"recall of {LOST} when it is drawn as {INSTEAD}", lost)]


def _loss_numbers(loss: NDArray) -> list[Number]:
    error = float(loss.std() / math.sqrt(len(loss)))
    return [
        Number("log-likelihood lost to 99 % noise", float(loss.mean()), error=error, unit="nats"),
        Number(
            "most that a digit loses", float(loss.max()), exact=largest_loss(SHARE), unit="nats"
        ),
    ]


def _errata() -> list[Number]:
    (top1, top5), (gan1, gan5) = PUBLISHED["real"], PUBLISHED["BigGAN-deep"]
    remark = "the abstract exchanges the two: this is from the paper's own table"
    return [
        Number(
            "fall of top-1, BigGAN-deep",
            100 * (1 - gan1 / top1),
            None,
            27.9,
            unit="%",
            remark=remark,
        ),
        Number(
            "fall of top-5, BigGAN-deep",
            100 * (1 - gan5 / top5),
            None,
            41.6,
            unit="%",
            remark=remark,
        ),
    ]


def _table(scores: dict[tuple[str, str], ClassificationAccuracy]) -> Table:
    rows = [[*names, score.mean, *score.interval] for names, score in scores.items()]
    return Table(
        "Scores with 95 % intervals", ["samples", "classifier", "mean", "low", "high"], rows
    )


def _recalls(scores: dict[str, ClassificationAccuracy]) -> Table:
    rows = [[name, *score.recall.values()] for name, score in scores.items()]
    return Table("Recall by class", ["samples", *map(str, range(10))], rows)
