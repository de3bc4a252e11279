"""SC09: the digits of Speech Commands.

Source: Donahue et al., 2019, https://arxiv.org/abs/1802.04208, whose archive has
`{train,valid,test}/Word_SPEAKER_nohash_N.wav`; a folder of Speech Commands does as well.
"""

from __future__ import annotations

from collections.abc import Iterator

from typica.data.corpora.speech_commands import SpeechCommands, word_and_speaker
from typica.data.layout import SPLITS
from typica.data.source import Item

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


class SC09(SpeechCommands):
    """The ten digits, from either archive."""

    name = "sc09"
    made = "read from Speech Commands: the ten digits by many voices"
    needs = (
        "the unpacked archive sc09.tar.gz of https://github.com/chrisdonahue/wavegan, or that of "
        "Speech Commands: name its folder by --from"
    )

    def _takes(self, word: str) -> bool:
        return word in DIGITS

    def _listed(self) -> Iterator[Item]:
        if not (self.root / "train").is_dir():
            yield from super()._listed()
            return
        for split in ("train", "valid", "test"):
            for path in sorted((self.root / split).glob("*.wav")):
                name, found = f"{split}/{path.name}", word_and_speaker(path)
                if found is None or found[0] not in DIGITS:
                    yield self._damaged(name, "no digit and speaker in its name")
                    continue
                yield self._file(name, word=found[0], speaker=found[1], split=SPLITS[split])
