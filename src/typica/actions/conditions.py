"""What a run is told when it is sampled: a class by name, frames like those of a recording."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch

from typica.core.condition import Condition, Track, to_device
from typica.core.errors import ConfigError, did_you_mean
from typica.core.run import Run
from typica.data.corpus import Corpus, Recording, open_corpus


def condition_for(
    run: Run,
    count: int,
    length: int,
    *,
    prompt: int = 0,
    label: str | None = None,
    like: str | None = None,
) -> Condition | None:
    """Return the condition of `count` samples, or None for a run that is told nothing.

    Args:
        run: The run.
        count: Examples.
        length: Samples of each.
        prompt: Samples before them that it must cover too.
        label: Name of a class of the run's corpus.
        like: Id of a recording of that corpus: its frames are followed.

    Raises:
        ConfigError: The run needs what is not given, is given what it does not take, or is to
            follow a recording for longer than it lasts.
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
        classes = torch.full((count,), corpus.labels.index(label))
        condition |= to_device({"label": Track(classes)}, run.device) or {}
    if like is not None:
        recordings = {recording.id: recording for recording in corpus.recordings()}
        if like not in recordings:
            raise ConfigError(f"no recording {like!r}: {did_you_mean(like, recordings)}")
        chosen = recordings[like]
        _check_length(chosen, length, prompt, run.rate)
        condition |= follow(run, corpus, [chosen] * count, prompt + length, dense)
    return condition


def follow(
    run: Run, corpus: Corpus, recordings: Sequence[Recording], length: int, names: Iterable[str]
) -> Condition:
    """Return what the first `length` samples of recordings are told, on the run's device."""
    condition = corpus.condition(recordings, [0] * len(recordings), length, names)
    return to_device(condition, run.device) or {}


def _check_length(recording: Recording, length: int, prompt: int, rate: int) -> None:
    """Refuse a recording that ends before what is to be drawn does."""
    if recording.length >= prompt + length:
        return
    lasts = f"{recording.id} lasts {recording.length / rate:.1f} s"
    most = (recording.length - prompt) * 100 // rate / 100
    if most <= 0:
        raise ConfigError(f"{lasts}, no more than the prompt: choose a shorter prompt")
    raise ConfigError(f"{lasts}: give --seconds {most:g} at most for --like {recording.id}")


def _check(run: Run, option: str, value: str | None, *, wanted: bool) -> None:
    if wanted and value is None:
        raise ConfigError(f"{run.name} is told what to play: give {option}")
    if not wanted and value is not None:
        raise ConfigError(f"{run.name} is not told any such thing: leave {option} out")
