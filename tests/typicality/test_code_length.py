import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.pipeline import make_pipeline, make_union

from typica.core import registry
from typica.core.errors import DataError
from typica.core.randomness import seeded
from typica.images import spoil
from typica.images.photographs import patches
from typica.typicality.code_length import FlacBits, PngBits
from typica.typicality.detectors.complexity import InputComplexity
from typica.typicality.statistics import ModelStatistics

RATE = 8000
TIME = torch.arange(RATE) / RATE
TONE = 0.5 * torch.sin(2 * torch.pi * 220 * TIME)[None]
NOISE = torch.rand(1, RATE, generator=seeded(0)) * 2 - 1


def test_flac_finds_tones_simple_and_noise_not():
    silence, tone, noise = FlacBits(RATE).fit_transform([0 * TONE, TONE, NOISE])[:, 0]

    assert silence < tone < noise
    assert silence / RATE < 0.1
    assert 7 < noise / RATE < 8.5


def test_a_batch_and_a_list_give_the_same_bits():
    step = clone(FlacBits(RATE, bits=6))
    batch = step.fit_transform(torch.stack([TONE, NOISE]))

    np.testing.assert_array_equal(batch, step.fit_transform([TONE, NOISE.numpy()]))
    with pytest.raises(DataError, match="no examples"):
        step.transform([])


def test_with_a_models_likelihood_it_finds_what_is_simpler_than_the_model_thinks():
    # A model that knows nothing gives every image eight bits a pixel: PNG does better by far on
    # constants, so that they are the odd ones among photographs; noise is not.
    model = registry.build("pixelcnn", "tiny", height=8, width=8, levels=256).eval()
    for parameter in model.parameters():
        parameter.data.zero_()
    photos = patches("china", "train", 60)
    line = make_pipeline(
        make_union(ModelStatistics(model, ["log_prob"]), PngBits()), InputComplexity(alpha=0.05)
    )

    line.fit(photos)
    simple = line.decision_function(spoil.constant(photos, seeded(0)))

    assert (simple < line.decision_function(spoil.noise(photos, 256, seeded(0)))).all()
    assert line.predict(spoil.noise(photos, 256, seeded(0))).min() == 1
