"""What a run is told when it is sampled: a class by name, frames like those of a recording."""

from __future__ import annotations

import torch

from typica.core.condition import Condition, Track, to_device
from typica.core.errors import ConfigError, did_you_mean
from typica.core.run import Run
from typica.data.corpus import open_corpus


def condition_for(
    run: Run, count: int, length: int, *, label: str | None = None, like: str | None = None
) -> Condition | None:
    """Return the condition of `count` samples, or None for a run that is told nothing.

    Args:
        run: The run.
        count: Examples.
        length: Samples that it must cover, from the beginning of the prompt, if there is one.
        label: Name of a class of the run's corpus.
        like: Id of a recording of that corpus: its frames are followed.

    Raises:
        ConfigError: The run needs what is not given, or is given what it does not take.
        DataError: The corpus is not on this machine.
    """
    needs = run.model.needs
    dense = [name for name, need in needs.items() if need.hop is not None]
    _check(run, "--label", label, wanted="label" in needs)
    _check(run, "--like", like, wanted=bool(dense))
    if not needs:
        return None
    corpus = open_corpus(run.config["corpus"]["path"])
    condition: dict[str, Track] = {}
    if label is not None:
        if label not in corpus.labels:
            raise ConfigError(f"no class {label!r}: {did_you_mean(label, corpus.labels)}")
        condition["label"] = Track(torch.full((count,), corpus.labels.index(label)))
    if like is not None:
        recordings = {recording.id: recording for recording in corpus.recordings()}
        if like not in recordings:
            raise ConfigError(f"no recording {like!r}: {did_you_mean(like, recordings)}")
        chosen = recordings[like]
        if chosen.length < length:
            raise ConfigError(
                f"{like} lasts {chosen.length / run.rate:.1f} s, less than the "
                f"{length / run.rate:.1f} s to be drawn with its prompt: lower --seconds"
            )
        tracks = corpus.condition([chosen] * count, [0] * count, length, dense)
        condition |= dict(tracks)
    return to_device(condition, run.device)


def _check(run: Run, option: str, value: str | None, *, wanted: bool) -> None:
    if wanted and value is None:
        raise ConfigError(f"{run.name} is told what to play: give {option}")
    if not wanted and value is not None:
        raise ConfigError(f"{run.name} is not told any such thing: leave {option} out")
