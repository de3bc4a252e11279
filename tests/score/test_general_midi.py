import re

import pytest

from typica.score.general_midi import DRUM_NAMES, PROGRAM_NAMES, drum_name
from typica.score.instruments import PROGRAMS


def test_every_program_has_a_name_of_its_own():
    assert len(PROGRAM_NAMES) == len(set(PROGRAM_NAMES)) == 128
    for name in ("harpsichord", "vibraphone", "clarinet", "flute", "choir", "brass"):
        assert PROGRAM_NAMES[PROGRAMS[name]] == name


def test_the_drums_are_those_of_the_standard():
    assert (min(DRUM_NAMES), max(DRUM_NAMES), len(set(DRUM_NAMES.values()))) == (35, 81, 47)
    assert [drum_name(pitch) for pitch in (36, 38, 42, 81)] == [
        *("bass drum", "snare", "closed hi-hat", "open triangle")
    ]
    assert drum_name(20) == "drum 20"


def test_the_names_stand_where_another_list_has_them():
    constants = pytest.importorskip("pretty_midi.constants")

    theirs = [re.sub(r"[^a-z ]", "", name.lower()).split() for name in constants.INSTRUMENT_MAP]
    ours = [re.sub(r"[^a-z ]", "", name.lower()).split() for name in PROGRAM_NAMES]
    differ = [n for n in range(128) if not set(ours[n]) & set(theirs[n])]
    assert [PROGRAM_NAMES[n] for n in differ] == ["double bass", "strings 1", "strings 2"]
