"""The card of a run: what it is, what it learnt from, how well, and under which licence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from typica.core.files import replacing
from typica.core.model import ExplicitModel
from typica.training.loop import Loop
from typica.training.schedule import crop_of_stage

CARD = "card.md"


def write_card(folder: Path, loop: Loop, config: dict[str, Any]) -> None:
    """Write `card.md` into a run's folder."""
    with replacing(folder / CARD) as place:
        place.write_text("\n".join(_lines(folder, loop, config)) + "\n")


def _lines(folder: Path, loop: Loop, config: dict[str, Any]) -> list[str]:
    corpus, rate, learner = config["corpus"], config["rate"], loop.learner
    parameters = sum(parameter.numel() for parameter in learner.model.parameters())
    heard_s = sum(steps * loop.examples * crop for steps, crop in _stages(loop, config)) / rate
    return [
        f"# {folder.name}",
        "",
        f"A {config['system']}, preset {config['preset']}, of audio at {rate} Hz, made by typica.",
        "",
        "| | |",
        "| --- | --- |",
        f"| parameters | {parameters:,} |",
        f"| data | {corpus['name']}, {corpus['seconds'] / 3600:.2f} hours of training recordings |",
        f"| licence of the data | {corpus['licence']} |",
        f"| fingerprint of the data | {corpus['fingerprint']} |",
        f"| level of the recordings | {corpus['normalise']} |",
        f"| training | {_steps(loop, config)}, {loop.elapsed_s / 60:.1f} minutes |",
        *_members(config),
        f"| audio heard | {heard_s / 3600:.2f} hours, "
        f"{heard_s / max(1e-9, corpus['seconds']):.1f} times the data |",
        f"| held-out score | {_score(loop)} |",
        "",
        f"Sample: `typica sample {folder} --seconds 10`. Score: `typica score {folder} FILES`. "
        f"Report: `typica evaluate {folder}`.",
    ]


def _members(config: dict[str, Any]) -> list[str]:
    if "population" not in config:
        return []
    members = config["population"]["members"]
    return [f"| population | the best of {members} members; each took these steps |"]


def _stages(loop: Loop, config: dict[str, Any]) -> list[tuple[int, int]]:
    """Return the steps of each stage, and the samples of an example in it."""
    learner, usual = loop.learner, config["data"]["crop"]
    ends = [*learner.began[1:], learner.steps]
    return [
        (end - begun, crop_of_stage(learner.phases, learner.phase_configs, stage, usual))
        for stage, (begun, end) in enumerate(zip(learner.began, ends, strict=True))
    ]


def _steps(loop: Loop, config: dict[str, Any]) -> str:
    return ", then ".join(
        f"{steps:,} steps of {loop.examples} examples of {crop} samples"
        for steps, crop in _stages(loop, config)
    )


def _score(loop: Loop) -> str:
    model = loop.learner.model
    if not isinstance(model, ExplicitModel):
        return "none: the model has no density"
    if loop.held_out_bits is None:
        return "none: the corpus has no held-out recordings long enough"
    kind = "" if model.density == "exact" else f", from a {model.density}"
    seconds = loop.settings.validate_seconds
    return (
        f"{loop.held_out_bits:.3f} bits a sample{kind}, base measure: {model.base_measure}; on "
        f"crops of {seconds:g} s in all"
    )
