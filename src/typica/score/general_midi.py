"""What General MIDI calls its instruments and drums.

Source: General MIDI System Level 1 (MIDI Manufacturers Association, 1991).
"""

from __future__ import annotations

_FAMILIES = (
    "acoustic grand piano, bright piano, electric grand piano, honky-tonk piano, "
    "electric piano 1, electric piano 2, harpsichord, clavinet",
    "celesta, glockenspiel, music box, vibraphone, marimba, xylophone, tubular bells, dulcimer",
    "drawbar organ, percussive organ, rock organ, church organ, reed organ, accordion, "
    "harmonica, tango accordion",
    "nylon guitar, steel guitar, jazz guitar, clean guitar, muted guitar, overdriven guitar, "
    "distorted guitar, guitar harmonics",
    "acoustic bass, fingered bass, picked bass, fretless bass, slap bass 1, slap bass 2, "
    "synth bass 1, synth bass 2",
    "violin, viola, cello, double bass, tremolo strings, pizzicato strings, harp, timpani",
    "strings 1, strings 2, synth strings 1, synth strings 2, choir, voice, synth voice, "
    "orchestra hit",
    "trumpet, trombone, tuba, muted trumpet, French horn, brass, synth brass 1, synth brass 2",
    "soprano sax, alto sax, tenor sax, baritone sax, oboe, English horn, bassoon, clarinet",
    "piccolo, flute, recorder, pan flute, blown bottle, shakuhachi, whistle, ocarina",
    "square lead, sawtooth lead, calliope lead, chiff lead, charang lead, voice lead, "
    "fifths lead, bass and lead",
    "new age pad, warm pad, polysynth pad, choir pad, bowed pad, metallic pad, halo pad, sweep pad",
    "rain, soundtrack, crystal, atmosphere, brightness, goblins, echoes, sci-fi",
    "sitar, banjo, shamisen, koto, kalimba, bagpipe, fiddle, shanai",
    "tinkle bell, agogo, steel drums, woodblock, taiko drum, melodic tom, synth drum, "
    "reverse cymbal",
    "fret noise, breath noise, seashore, bird tweet, telephone, helicopter, applause, gunshot",
)
PROGRAM_NAMES = tuple(name for family in _FAMILIES for name in family.split(", "))
"""Names of the 128 programs, counted from 0."""

FIRST_DRUM = 35
_DRUMS = (  # noqa: SIM905
    "acoustic bass drum, bass drum, side stick, snare, hand clap, electric snare, low floor tom, "
    "closed hi-hat, high floor tom, pedal hi-hat, low tom, open hi-hat, low-mid tom, hi-mid tom, "
    "crash 1, high tom, ride 1, Chinese cymbal, ride bell, tambourine, splash, cowbell, crash 2, "
    "vibraslap, ride 2, high bongo, low bongo, muted high conga, open high conga, low conga, "
    "high timbale, low timbale, high agogo, low agogo, cabasa, maracas, short whistle, "
    "long whistle, short guiro, long guiro, claves, high woodblock, low woodblock, muted cuica, "
    "open cuica, muted triangle, open triangle"
).split(", ")
DRUM_NAMES = {FIRST_DRUM + number: name for number, name in enumerate(_DRUMS)}
"""Names of the drums by the pitches of the drum channel, 35 to 81."""


def drum_name(pitch: int) -> str:
    """Return the name of a drum; of those that have none, "drum" and the pitch."""
    return DRUM_NAMES.get(pitch, f"drum {pitch}")
