"""How a discrete autoencoder uses its codes, as the report tells it."""

import json
import math

import pytest
import torch

from typica.core import registry
from typica.core.coder import perplexity
from typica.core.errors import ConfigError
from typica.core.run import write_model
from typica.data.folder import FolderSource
from typica.data.prepare import prepare
from typica.evaluation.code_use import measure_codes
from typica.evaluation.stretches import choose

RATE = 8000


@pytest.fixture(scope="module")
def tunes(tmp_path_factory):
    import numpy as np
    import soundfile

    folder = tmp_path_factory.mktemp("tunes")
    time = np.arange(RATE) / RATE
    for number in range(6):
        soundfile.write(folder / f"{number}.wav", 0.5 * np.sin(1300 * (number + 1) * time), RATE)
    place = tmp_path_factory.mktemp("corpora") / "tunes"
    return prepare(FolderSource(folder, licence="CC0-1.0"), place, rate=RATE, workers=1)


def autoencoder():
    torch.manual_seed(0)
    model = registry.build("vqvae", "tiny")
    for parameter in model.parameters():
        parameter.data += 0.3 * torch.randn(parameter.shape)
    return model.eval()


def test_perplexity_is_one_for_one_code_and_their_number_where_all_are_alike():
    assert perplexity(torch.tensor([0, 7, 0])) == pytest.approx(1)
    assert perplexity(torch.full((12,), 5)) == pytest.approx(12)
    assert perplexity(torch.tensor([1, 3])) == pytest.approx(4 / 3**0.75)


def test_the_figures_are_those_of_the_model(tunes):
    model, stretches = autoencoder(), choose(tunes, "train")

    use = measure_codes(model, tunes, stretches)

    audio = torch.stack([tunes.audio(*one) for one in stretches])
    codes = model.encode(audio)
    with torch.no_grad():
        told, untold = model.likelihood(audio, codes), model.unaided(audio)
    unit = audio.numel() * math.log(2)
    assert (use.codes, use.used) == (16, len(codes.unique()))
    assert use.perplexity == pytest.approx(perplexity(torch.bincount(codes.flatten())))
    assert use.rate == pytest.approx(4 / 8)
    assert use.told == pytest.approx(-told.sum().item() / unit, rel=1e-5)
    assert use.worth == pytest.approx((told - untold).sum().item() / unit, abs=1e-4)
    assert use.told + use.rate == pytest.approx(-model.log_prob(audio).sum().item() / unit)


def test_other_models_have_no_codes(tunes):
    assert measure_codes(registry.build("wavenet", "tiny"), tunes, choose(tunes, "train")) is None


def test_the_report_and_the_samples_of_a_run_with_codes(tunes, tmp_path):
    from typica.actions.evaluate import evaluate
    from typica.actions.sample import sample

    model, folder = autoencoder(), tmp_path / "coded"
    folder.mkdir()
    config = {"system": "vqvae", "rate": RATE, "model": model.config.to_dict()}
    corpus = {"name": "tunes", "path": str(tunes.path), "fingerprint": tunes.fingerprint}
    write_model(folder, model, config | {"corpus": corpus})

    report = evaluate(folder, seconds=1, count=1, sample_seconds=0.25)

    told = json.loads((report.page.parent / "report.json").read_text())
    assert told["codes"]["codes"] == 16
    assert told["density"] == "lower bound"
    assert told["base_measure"] == "8-bit mu-law levels"
    assert "<h2>Codes</h2>" in report.page.read_text()
    (note,) = told["notes"]
    assert "codes drawn at random, each as likely" in note
    assert f"{told['codes']['rate']:.3f} of the bits a sample" in note
    drawn = sample(folder, seconds=0.02, count=2, out=tmp_path / "out")
    assert drawn.audio.shape == (2, 1, 160)
    assert drawn.how == "ancestral, told codes drawn at random, each as likely"
    colder = sample(folder, seconds=0.02, count=2, temperature=0.5, out=tmp_path / "cold")
    assert not torch.equal(drawn.audio, colder.audio)
    with pytest.raises(ConfigError, match="no such engine of VQVAE"):
        sample(folder, seconds=0.02, weights="int8", out=tmp_path / "out")
    with pytest.raises(ConfigError, match="vqvae is not autoregressive: it takes no beam"):
        sample(folder, seconds=0.02, strategy="beam=2", out=tmp_path / "out")
