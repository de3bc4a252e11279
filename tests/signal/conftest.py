"""Music for the tests of signals: chords that a sampled piano plays."""

import pytest
import torch

from typica.core.errors import MissingFeatureError
from typica.signal.resample import resample


@pytest.fixture(scope="session")
def piano():
    """Two and a half seconds of chords at 16 kHz, shape (time,), float32."""
    from typica.score.notes import Note, Notes
    from typica.score.synthesis import RATE, render

    chords = [(48, 60, 64, 67), (45, 57, 60, 69), (43, 59, 62, 67), (48, 55, 64, 72)]
    notes = [
        Note(pitch, 0.6 * index, 0.6 * index + 0.55, 90, 0)
        for index, chord in enumerate(chords)
        for pitch in chord
    ]
    try:
        audio = render(Notes.of(notes))
    except MissingFeatureError as error:
        pytest.skip(str(error))
    return resample(torch.from_numpy(audio[:, 0].copy()), RATE, 16000)
