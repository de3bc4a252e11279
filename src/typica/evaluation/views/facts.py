"""What is measured of a recording or a score beside its picture, and a line that says it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from typica.data.excerpt import Excerpt
from typica.evaluation.views.analysis import Analysis
from typica.evaluation.views.axes import Span, note_name, pitch_of
from typica.evaluation.views.roll import Voice, voices_of, within
from typica.score.controls import SUSTAIN, Performance
from typica.score.notes import DRUM_CHANNEL
from typica.score.pedal import DOWN


@dataclass(frozen=True)
class SoundFacts:
    """Of a recording; all but its form are of the stretch that is shown.

    Attributes:
        duration_s: Of the whole file, as it says itself; None where it does not.
        start_s: Where the stretch begins.
        stop_s: Where it ends.
        rate: Hertz of the file.
        read_at: Hertz that it was read at.
        channels: How many it has.
        peak: Largest amplitude in any channel, 1 at full scale.
        clipped_share: Share of samples, in all channels, at full scale.
        level_db: Root mean square in decibels of full scale, of the mean of the channels, as all
            that follows; None for silence.
        lufs: Integrated loudness; None for silence.
        pitch_hz: Median of frames that have one; None where none has.
        pitch_name: The note nearest to it.
        voiced_share: Share of frames that have a pitch.
        pitch_tracker: What found it.
    """

    duration_s: float | None
    start_s: float
    stop_s: float
    rate: int
    read_at: int
    channels: int
    peak: float
    clipped_share: float
    level_db: float | None
    lufs: float | None
    pitch_hz: float | None
    pitch_name: str | None
    voiced_share: float
    pitch_tracker: str

    @classmethod
    def of(cls, excerpt: Excerpt, analysis: Analysis) -> SoundFacts:
        """Measure a stretch."""
        hertz = analysis.pitch.median_hertz
        return cls(
            duration_s=excerpt.whole_s,
            start_s=excerpt.start_s,
            stop_s=excerpt.stop_s,
            rate=excerpt.file_rate,
            read_at=excerpt.rate,
            channels=excerpt.channel_count,
            peak=float(np.abs(excerpt.channels).max()),
            clipped_share=float((np.abs(excerpt.channels) >= 1).mean()),
            level_db=_finite(analysis.level_db),
            lufs=_finite(analysis.lufs),
            pitch_hz=hertz,
            pitch_name=None if hertz is None else note_name(round(pitch_of(hertz))),
            voiced_share=float(analysis.pitch.voiced.float().mean()),
            pitch_tracker=analysis.pitch.tracker,
        )

    def parts(self) -> list[str]:
        """Return what is worth saying beside the picture, part by part."""
        read = "" if self.read_at == self.rate else f", read at {self.read_at} Hz"
        parts = [
            _stretch(self.start_s, self.stop_s, self.duration_s),
            f"{self.rate} Hz{read}",
            "mono"
            if self.channels == 1
            else f"{self.channels} channels, averaged but for the waveform",
            f"peak {round(20 * math.log10(self.peak), 1) + 0.0} dBFS" if self.peak else "silent",
        ]
        if self.clipped_share:
            parts.append(f"{self.clipped_share:.2%} clipped")
        if self.lufs is not None:
            parts.append(f"{self.lufs:.1f} LUFS")
        if self.pitch_hz is not None:
            parts.append(f"median pitch {self.pitch_hz:.1f} Hz ({self.pitch_name})")
        return parts


@dataclass(frozen=True)
class TuneFacts:
    """Of a tune of ABC: what its header says.

    Attributes:
        number: Which of its file, counted from 1.
        of: How many the file holds.
        title: The first.
        metre: As in "6/8".
        key: As in "Dmaj".
        quarters_per_minute: Its tempo; 120 where it gives none.
    """

    number: int
    of: int
    title: str
    metre: str
    key: str
    quarters_per_minute: float

    def parts(self) -> list[str]:
        """Return what is worth saying beside the picture, part by part."""
        number = [f"tune {self.number} of {self.of}"] if self.of > 1 else []
        return [*number, self.metre, self.key, f"{self.quarters_per_minute:g} quarters a minute"]


@dataclass(frozen=True)
class ScoreFacts:
    """Of a score.

    Attributes:
        duration_s: When the last note is released.
        start_s: Where the stretch that is shown begins.
        stop_s: Where it ends.
        notes: How many there are, drums among them.
        notes_shown: How many sound in the stretch.
        voices: Channel and program, counted from 0, number of notes and name of each instrument;
            none of a tune, which names no instruments.
        drum_strokes: How many of the notes are of drums.
        lowest: Lowest note but for drums; None where there are drums alone.
        highest: Highest.
        softest: Smallest velocity.
        loudest: Largest.
        pedal_presses: How often the sustain pedal goes down, in all channels together.
        tune: What its header says, where it is a tune of ABC.
    """

    duration_s: float
    start_s: float
    stop_s: float
    notes: int
    notes_shown: int
    voices: list[dict[str, int | str]]
    drum_strokes: int
    lowest: str | None
    highest: str | None
    softest: int
    loudest: int
    pedal_presses: int
    tune: TuneFacts | None = None

    @classmethod
    def of(cls, performance: Performance, span: Span, tune: TuneFacts | None = None) -> ScoreFacts:
        """Count and measure a piece of one note at least."""
        notes = performance.notes
        pitched = notes.pitch[notes.channel != DRUM_CHANNEL]
        return cls(
            duration_s=notes.duration_s,
            start_s=span.start,
            stop_s=span.stop,
            notes=len(notes),
            notes_shown=len(within(notes, span)),
            voices=[] if tune else [_told(voice) for voice in voices_of(notes)],
            drum_strokes=len(notes) - len(pitched),
            lowest=note_name(int(pitched.min())) if len(pitched) else None,
            highest=note_name(int(pitched.max())) if len(pitched) else None,
            softest=int(notes.velocity.min()),
            loudest=int(notes.velocity.max()),
            pedal_presses=_presses(performance),
            tune=tune,
        )

    def parts(self) -> list[str]:
        """Return what is worth saying beside the picture, part by part."""
        parts = [_stretch(self.start_s, self.stop_s, self.duration_s)]
        shown = "" if self.notes_shown == self.notes else f"{self.notes_shown} of "
        parts.append(f"{shown}{self.notes} note{'s' * (self.notes != 1)}")
        if len(self.voices) == 1:
            parts.append(str(self.voices[0]["name"]))
        if self.tune is not None:
            parts += self.tune.parts()
        if self.lowest is not None:
            parts.append(f"{self.lowest} to {self.highest}")
        one = self.softest == self.loudest
        parts.append(f"velocity {self.softest}" + ("" if one else f" to {self.loudest}"))
        if 0 < self.drum_strokes < self.notes:
            parts.append(f"{self.drum_strokes} stroke{'s' * (self.drum_strokes != 1)} of drums")
        if self.pedal_presses:
            times = "once" if self.pedal_presses == 1 else f"{self.pedal_presses} times"
            parts.append(f"sustain pedal pressed {times}")
        return parts


def _told(voice: Voice) -> dict[str, int | str]:
    return voice._asdict() | {"name": voice.name}


def _presses(performance: Performance) -> int:
    """Count how often a sustain pedal goes from up to down."""
    pressed = performance.controls.only(SUSTAIN)
    count = 0
    for channel in set(pressed.channel.tolist()) - {DRUM_CHANNEL}:
        moves = pressed.only(SUSTAIN, channel)
        down = moves.value[np.argsort(moves.time_s, kind="stable")] >= DOWN
        count += int((down & ~np.concatenate([[False], down[:-1]])).sum())
    return count


def _stretch(start_s: float, stop_s: float, whole_s: float | None) -> str:
    """Say which stretch of how much is shown."""
    if whole_s is not None and not start_s and stop_s >= whole_s - 1e-6:
        return f"all {_seconds(stop_s)} s"
    of = "" if whole_s is None else f" of {_seconds(whole_s)} s"
    return f"{_seconds(start_s)} to {_seconds(stop_s)} s{of}"


def _seconds(seconds: float) -> str:
    return f"{seconds:.3g}" if seconds < 1 else f"{seconds:.2f}".rstrip("0").rstrip(".")


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
