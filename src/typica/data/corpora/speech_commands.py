"""Speech Commands: single words by many voices.

Source: Warden, 2018, https://arxiv.org/abs/1804.03209, both versions.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from typica.core.errors import DataError
from typica.data.layout import LayoutSource
from typica.data.source import Item, Sound, Split

_NAME = re.compile(r"(?P<speaker>.+)_nohash_\d+")
_LISTS: dict[str, Split] = {"validation_list.txt": "valid", "testing_list.txt": "test"}
_HELD_OUT_PERCENT = 10  # of the speakers, for each of `valid` and `test`
_LARGEST = 2**27 - 1  # the most recordings of a word that the published rule counts with


class SpeechCommands(LayoutSource):
    """All words; recordings of background noise are left out. Some clips are under a second."""

    name = "speech_commands"
    licence = "CC BY 4.0 (Speech Commands, Google Inc.)"
    made = "read from Speech Commands: single words of about a second by many voices"
    needs = (
        "the unpacked archive from https://download.tensorflow.org/data/"
        "speech_commands_v0.02.tar.gz: name its folder by --from"
    )
    class_names = ("speaker",)
    minimum_s = 0.1

    def _listed(self) -> Iterator[Item]:
        listed = self._lists()
        missing = {name for name in listed if self._takes(PurePosixPath(name).parent.name)}
        for path in sorted(self.root.glob("*/*.wav")):
            word, name = path.parent.name, f"{path.parent.name}/{path.name}"
            if word.startswith(("_", ".")) or not self._takes(word):
                continue
            missing.discard(name)
            found = _NAME.fullmatch(path.stem)
            if not found:
                yield self._damaged(name, "no speaker in its name")
                continue
            speaker = found["speaker"]
            split = listed.get(name, "train") if listed else split_of(speaker)
            yield self._file(name, word=word, speaker=speaker, split=split)
        for name in sorted(missing):
            yield self._damaged(name, "missing file")

    def _takes(self, word: str) -> bool:
        return bool(word)

    def _lists(self) -> dict[str, Split]:
        """Return the split of what the lists hold out; nothing if there are no lists.

        Raises:
            DataError: One cannot be read, or only one is there.
        """
        missing = [name for name in _LISTS if not (self.root / name).exists()]
        if len(missing) == len(_LISTS):
            return {}
        if missing:
            raise DataError(f"{self.root / missing[0]} is missing: unpack the archive again")
        found: dict[str, Split] = {}
        for name, split in _LISTS.items():
            try:
                lines = (self.root / name).read_text("utf-8").split()
            except (OSError, ValueError) as error:
                raise DataError(f"{self.root / name} cannot be read: {error}") from error
            found.update(dict.fromkeys(lines, split))
        return found

    def open(self, item: Item) -> Sound:
        """Open a word; it is its label."""
        audio, told = self._sound(item)
        split: Split = told["split"]  # type: ignore[assignment]
        facts = {"speaker": told["speaker"]}
        return Sound(
            audio.rate, audio.blocks, told["word"], split=split, group=told["speaker"], facts=facts
        )


def split_of(speaker: str) -> Split:
    """Return the split of a speaker by the rule that was published with the recordings.

    Source: Warden, 2018, section 5.4: a hash of the speaker decides, so that a recording never
    moves as others are added.
    """
    number = int(hashlib.sha1(speaker.encode()).hexdigest(), 16)
    percent = number % (_LARGEST + 1) * (100.0 / _LARGEST)
    if percent < _HELD_OUT_PERCENT:
        return "valid"
    return "test" if percent < 2 * _HELD_OUT_PERCENT else "train"


def word_and_speaker(path: Path) -> tuple[str, str] | None:
    """Return word and speaker of a file WORD_SPEAKER_nohash_N, or None if it is none."""
    found = re.fullmatch(r"(?P<word>[^_]+)_(?P<speaker>.+)_nohash_\d+", path.stem)
    return (found["word"].lower(), found["speaker"]) if found else None
