"""Deciding which recordings train a model, which are tuned on and which are kept for the end."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from typica.data.units import uniform

TRAIN, VALID, TEST = SPLITS = ("train", "valid", "test")
SHARE = 0.1  # of the recordings and of their length, for each of `valid` and `test`


def split(lengths: Mapping[str, int]) -> dict[str, str]:
    """Decide the split of each recording: the same recordings are always split in the same way.

    For each of `valid` and `test` about a tenth of the length is held out, and no more than a
    tenth of the recordings; but at least one for `valid` where there are two, and one for `test`
    where there are three.

    Args:
        lengths: Of each recording, by its id.
    """
    drawn = sorted(lengths, key=lambda name: (uniform(f"split {name}"), name))
    splits = dict.fromkeys(lengths, TRAIN)
    for held_out, needed in ((VALID, 2), (TEST, 3)):
        if len(lengths) >= needed:
            free = [name for name in drawn if splits[name] == TRAIN]
            splits.update(dict.fromkeys(_choose(free, lengths), held_out))
    return splits


def assign(lines: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the split of each recording by its `id`: as it was published, else as `split` says.

    Recordings of one `group` stay together. Where those who published them hold out recordings
    but none for `valid`, about a tenth of `train` becomes it.

    Args:
        lines: Of each recording `id` and `length`; `split` and `group` where it has one.
    """
    lines = list(lines)
    groups = {line["id"]: line.get("group") or line["id"] for line in lines}
    splits = {line["id"]: line.get("split") or TRAIN for line in lines}
    lengths: dict[str, int] = defaultdict(int)
    for line in lines:
        if splits[line["id"]] == TRAIN:
            lengths[groups[line["id"]]] += line["length"]
    if not any(line.get("split") for line in lines):
        drawn = split(lengths)
    elif VALID not in splits.values() and len(lengths) > 1:
        ways = sorted(lengths, key=lambda name: (uniform(f"split {name}"), name))
        drawn = dict.fromkeys(_choose(ways, lengths), VALID)
    else:
        return splits
    return {
        name: drawn.get(groups[name], TRAIN) if was == TRAIN else was
        for name, was in splits.items()
    }


def _choose(drawn: list[str], lengths: Mapping[str, int]) -> list[str]:
    """Choose about a tenth of all from those that are free, the first drawn first."""
    total = sum(lengths.values())
    most = max(1, int(SHARE * len(lengths)))
    fitting: list[str] = []
    left = SHARE * total
    for name in drawn:
        if lengths[name] <= left and len(fitting) < most:
            fitting.append(name)
            left -= lengths[name]

    def misfit(names: list[str]) -> float:
        return abs(math.log(sum(lengths[name] for name in names) / (SHARE * total)))

    # Of few recordings none may fit, or only a jingle: one that is longer holds out more truly.
    single = min(([name] for name in drawn if lengths[name] <= total / 2), key=misfit)
    return min([fitting, single], key=misfit) if fitting else single
