"""The representations on music: chords that a sampled piano plays."""

import math

import pytest
import torch

from typica.core.errors import MissingFeatureError
from typica.signal.constant_q import ConstantQ
from typica.signal.phase import accumulated_phase, instantaneous_frequency, with_phase
from typica.signal.resample import resample
from typica.signal.spectrum import istft, stft


@pytest.fixture(scope="module")
def piano():
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


def ratio_db(audio, back):
    return 20 * math.log10(float(audio.norm() / (back - audio).norm()))


def test_spectra_and_instantaneous_frequencies_give_the_piano_back(piano):
    spectrum = stft(piano)
    length = len(piano)

    frequency = instantaneous_frequency(spectrum.angle())
    again = with_phase(spectrum.abs(), accumulated_phase(frequency))

    assert (istft(spectrum, length=length) - piano).abs().max() < 1e-6
    assert (istft(again, length=length) - piano).abs().max() < 1e-4


def test_constant_q_gives_the_piano_back(piano):
    transform = ConstantQ(16000)

    back = transform.decode(transform.encode(piano), length=len(piano))

    assert ratio_db(piano, back) > 100
