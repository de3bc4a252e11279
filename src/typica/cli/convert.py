"""typica convert: from one representation of music to another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option


def convert(
    source: Annotated[
        Path, Argument(metavar="IN", help="What is read: its contents say what it is.")
    ],
    target: Annotated[
        Path, Argument(metavar="OUT", help="What is written: its ending says what it is to be.")
    ],
    form: Annotated[
        str | None,
        Option(
            "--as",
            help="Of npz: stft, magnitude, magnitude-phase, instantaneous-frequency, mel, "
            "constant-q, mulaw, pcm; notes, roll, events, multitrack. Of sound: pcm, mulaw, float.",
            show_default="stft; notes; as it was",
        ),
    ] = None,
    rate: Annotated[int | None, Option(help="Sampling rate in hertz.")] = None,
    bits: Annotated[int | None, Option(help="Of each sample or level.")] = None,
    window: Annotated[int | None, Option(help="Length of a frame in samples.")] = None,
    hop: Annotated[int | None, Option(help="Samples from frame to frame.")] = None,
    bands: Annotated[int | None, Option(help="Number of mel bands.")] = None,
    iterations: Annotated[
        int | None, Option(help="Of Griffin-Lim, where a phase must be found.")
    ] = None,
    frames: Annotated[int | None, Option(help="Frames or steps a second of notes.")] = None,
    grid: Annotated[int | None, Option(help="Steps of a quarter, of notes as ABC.")] = None,
    tempo: Annotated[float | None, Option(help="Quarters a minute of a tune.")] = None,
    tune: Annotated[int | None, Option(help="Which tune of an ABC file, from 1.")] = None,
    channel: Annotated[int | None, Option(help="Which channel is the tune, from 0.")] = None,
    soundfont: Annotated[Path | None, Option(help="A SoundFont 2 file to play notes with.")] = None,
    force: Annotated[bool, Option("--force", help="Replace what is there.")] = False,
    as_json: Annotated[bool, Option("--json", help="Print JSON for a program.")] = False,
) -> None:
    """Convert between sound, MIDI, ABC, npz archives and png pictures, saying what is lost.

    Sound becomes other sound, an archive of a representation, a picture of its magnitudes, or the
    notes of one voice; MIDI becomes sound, an archive, a picture of its notes, or a tune; all of
    these go back. Tags such as titles are never carried over.

    Examples:
        typica convert song.flac song.wav --rate 16000 --bits 8

        typica convert song.wav song.npz --as mel --bands 128

        typica convert song.npz again.wav

        typica convert song.wav song.png

        typica convert tune.abc tune.mid --tempo 96

        typica convert tune.mid tune.wav

        typica convert sonata.mid sonata.npz --as events

        typica convert hummed.wav hummed.mid
    """
    import json
    import sys
    from dataclasses import asdict

    from typica.actions.conversion.account import Wishes
    from typica.actions.convert import convert as act

    wishes = Wishes(
        form=form,
        rate=rate,
        bits=bits,
        window=window,
        hop=hop,
        bands=bands,
        iterations=iterations,
        frames=frames,
        grid=grid,
        tempo=tempo,
        tune=tune,
        channel=channel,
        soundfont=soundfont,
    )
    done = act(source, target, wishes=wishes, force=force)
    print(f"exact: {done.told}" if done.exact else done.told, file=sys.stderr)
    print(json.dumps(asdict(done), indent=2) if as_json else done.target)
