"""What a run is told when it is sampled: classes by name, frames like those of a recording."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

import torch

from typica.core.condition import Condition, Track, required, to_device
from typica.core.errors import ConfigError, DataError, did_you_mean
from typica.core.run import Run
from typica.data.corpus import LABEL, Corpus, Recording
from typica.data.of_run import corpus_of, unchanged_corpus
from typica.data.source import Fact

_OPTION = "--condition"
_SHOWN = 12  # values that a message lists


def condition_for(
    run: Run,
    count: int,
    length: int,
    *,
    prompt: int = 0,
    label: str | None = None,
    conditions: Sequence[str] = (),
    like: str | None = None,
) -> Condition | None:
    """Return the condition of `count` samples, or None for a run that is told nothing.

    Args:
        run: The run.
        count: Examples.
        length: Samples of each.
        prompt: Samples before them that it must cover too.
        label: Name of a class of the run's corpus; short for "label=NAME".
        conditions: Classes that it is told, as in "pitch=60".
        like: Id of a recording of that corpus: its frames are followed.

    Raises:
        ConfigError: The run needs what is not given, is given what it does not take, or is to
            follow a recording for longer than it lasts.
        DataError: The corpus is not on this machine, or is another by now.
    """
    needs = run.model.needs
    dense = [name for name, need in needs.items() if need.hop is not None]
    given = _given(run, label, conditions)
    if like is not None and not dense:
        raise ConfigError(f"{run.name} is not told any such thing: leave --like out")
    _check_complete(run, given, like)
    condition = classes_for(run, given, count)
    if like is not None:
        corpus = corpus_of(run)
        chosen = _recording(corpus, like)
        _check_length(chosen, length, prompt, run.rate)
        condition |= follow(run, corpus, [chosen] * count, prompt + length, dense)
    return condition or None


def parse_conditions(conditions: Iterable[str]) -> dict[str, str]:
    """Return the values by name of words such as "pitch=60".

    Raises:
        ConfigError: One is not NAME=VALUE, or a name is given twice.
    """
    given: dict[str, str] = {}
    for words in conditions:
        name, equals, value = (part.strip() for part in words.partition("="))
        if not (name and equals and value):
            raise ConfigError(f"{_OPTION} takes NAME=VALUE, as in pitch=60; got {words!r}")
        if name in given:
            raise ConfigError(f"{_OPTION} gives {name!r} twice: {given[name]!r} and {value!r}")
        given[name] = value
    return given


def classes_for(run: Run, given: Mapping[str, str], count: int) -> dict[str, Track]:
    """Return the tracks of `count` examples of the classes that are given, on the run's device.

    Raises:
        ConfigError: There is no such class.
        DataError: The run does not know its classes by name, and its corpus is not at hand.
    """
    numbers = {name: _number(name, value, _values(run, name)) for name, value in given.items()}
    tracks = {name: Track(torch.full((count,), number)) for name, number in numbers.items()}
    return dict(to_device(tracks, run.device) or {})


def follow(
    run: Run, corpus: Corpus, recordings: Sequence[Recording], length: int, names: Iterable[str]
) -> Condition:
    """Return what the first `length` samples of recordings are told, on the run's device."""
    condition = corpus.condition(recordings, [0] * len(recordings), length, names)
    return to_device(condition, run.device) or {}


def _given(run: Run, label: str | None, conditions: Sequence[str]) -> dict[str, str]:
    """Gather what is given by name, refusing names of what the run is not told."""
    given, needs = parse_conditions(conditions), run.model.needs
    for name in given:
        if name not in needs:
            known = [known for known, need in needs.items() if need.hop is None]
            hint = did_you_mean(name, known) if known else f"leave {_OPTION} out"
            raise ConfigError(f"{run.name} is told no {name!r}: {hint}")
        if needs[name].hop is not None:
            raise ConfigError(f"{name!r} has no values to name: --like names what to follow")
    if label is None:
        return given
    if LABEL not in needs:
        raise ConfigError(f"{run.name} is not told any such thing: leave --label out")
    if LABEL in given:
        raise ConfigError(f"--label and {_OPTION} label= are the same: leave one out")
    return {LABEL: label, **given}


def _check_complete(run: Run, given: Mapping[str, str], like: str | None) -> None:
    missing = []
    for name, need in required(run.model.needs).items():
        if need.hop is None and name not in given:
            missing.append("--label" if name == LABEL else f"{_OPTION} {name}=VALUE")
        elif need.hop is not None and like is None:
            missing.append("--like")
    if missing:
        options = " and ".join(dict.fromkeys(missing))
        raise ConfigError(f"{run.name} is told what to play: give {options}")


def _values(run: Run, name: str) -> list[Fact]:
    """Return the classes of a condition in their order: as the run tells, or else its corpus."""
    own = run.config.get("corpus") or {}
    told = own.get("classes") or {}
    values = told[name] if name in told else _values_of_corpus(run, name)
    count = run.model.needs[name].channels
    if len(values) != count:
        raise DataError(
            f"{run.name} is told {count} classes of {name!r} and there are {len(values)} in "
            f"{own.get('name', 'its corpus')}: train it again on that corpus"
        )
    return values


def _values_of_corpus(run: Run, name: str) -> list[Fact]:
    if not (run.config.get("corpus") or {}).get("name"):
        raise DataError(
            f"{run.name} does not say what it was trained on, so its classes have no names: "
            f"give the condition as numbers, from Python"
        )
    # Of a corpus that has changed since, the same number may be another class.
    return unchanged_corpus(run).values.get(name, [])


def _number(name: str, text: str, values: Sequence[Fact]) -> int:
    """Return the number of the class that a text names, or whose value it writes."""
    for number, value in enumerate(values):
        if text == str(value) or (not isinstance(value, str) and _as_float(text) == value):
            return number
    kind = "class" if name == LABEL else name
    raise ConfigError(f"no {kind} {text!r}: {_choices(text, values)}")


def _as_float(text: str) -> float:
    with suppress(ValueError):
        return float(text)
    return math.nan  # which equals no value


def _choices(text: str, values: Sequence[Fact]) -> str:
    """Return the nearest name, or the values there are, in the middle left out if many."""
    names = [str(value) for value in values]
    if all(isinstance(value, str) for value in values) and len(names) <= _SHOWN:
        return did_you_mean(text, names)
    near = did_you_mean(text, [value for value in values if isinstance(value, str)])
    if near.startswith("did"):
        return near
    if len(names) <= _SHOWN:
        return f"choose from {', '.join(names)}"
    return f"choose from the {len(names)} from {names[0]} to {names[-1]}"


def _recording(corpus: Corpus, name: str) -> Recording:
    recordings = {recording.id: recording for recording in corpus.recordings()}
    if name not in recordings:
        raise ConfigError(f"no recording {name!r}: {did_you_mean(name, recordings)}")
    return recordings[name]


def _check_length(recording: Recording, length: int, prompt: int, rate: int) -> None:
    """Refuse a recording that ends before what is to be drawn does."""
    if recording.length >= prompt + length:
        return
    lasts = f"{recording.id} lasts {recording.length / rate:.1f} s"
    most = (recording.length - prompt) * 100 // rate / 100
    if most <= 0:
        raise ConfigError(f"{lasts}, no more than the prompt: choose a shorter prompt")
    raise ConfigError(f"{lasts}: give --seconds {most:g} at most for --like {recording.id}")
