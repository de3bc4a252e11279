"""A corpus and a run that commands may be tried on."""

import json

import numpy as np
import pytest
import soundfile

RATE = 8000


@pytest.fixture(scope="session")
def tunes(tmp_path_factory):
    """Ten recordings of falling notes: the folder that they lie in and its corpus."""
    from typica.data.folder import FolderSource
    from typica.data.prepare import prepare

    folder = tmp_path_factory.mktemp("tunes")
    time = np.arange(RATE) / RATE
    for number in range(10):
        hertz = 200 + 40 * number
        notes = [np.sin(2 * np.pi * hertz * k * time) * np.exp(-3 * time) for k in (1, 1.25, 1.5)]
        soundfile.write(folder / f"{number}.wav", 0.3 * np.concatenate(notes), RATE)
    place = tmp_path_factory.mktemp("corpora") / "tunes"
    source = FolderSource(folder, licence="CC0-1.0")
    return folder, prepare(source, place, rate=RATE, workers=1)


@pytest.fixture(scope="session")
def tones(tmp_path_factory):
    """Six steady tones of a second each: the path of their corpus."""
    from typica.data.folder import FolderSource
    from typica.data.prepare import prepare

    folder = tmp_path_factory.mktemp("tones")
    time = np.arange(RATE) / RATE
    for number in range(6):
        soundfile.write(folder / f"{number}.wav", np.sin(2000 * (number + 1) * time) / 2, RATE)
    place = tmp_path_factory.mktemp("corpora") / "tones"
    return str(prepare(FolderSource(folder, "CC0-1.0"), place, rate=RATE, workers=1).path)


@pytest.fixture(scope="session")
def make_run(tmp_path_factory, tunes):
    """Write the folder of a run on the tunes, with the settings of its model."""
    from typica.core import registry
    from typica.core.run import write_model

    _, corpus = tunes

    def make(name="tiny", **settings):
        model = registry.build("wavenet", "tiny", **settings)
        folder = tmp_path_factory.mktemp("runs") / name
        (folder / "log").mkdir(parents=True)
        config = {
            "system": "wavenet",
            "preset": "tiny",
            "rate": corpus.rate,
            "corpus": {
                "name": corpus.name,
                "path": str(corpus.path),
                "fingerprint": corpus.fingerprint,
                "licence": corpus.licence,
                "normalise": "peak",
                "seconds": corpus.seconds("train"),
            },
            "model": model.config.to_dict(),
            "training": {"steps": 50, "minutes": None},
        }
        write_model(folder, model, config)
        lines = [{"step": n, "bits": 8.0 - n / 100, "seconds": n / 10} for n in range(10, 60, 10)]
        lines.append({"step": 50, "valid/bits": 7.6, "seconds": 5.0})
        log = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / "log" / "metrics.jsonl").write_text(log)
        return folder

    return make


@pytest.fixture(scope="session")
def run(make_run):
    """A run whose model knows nothing yet: every level is as likely as any other."""
    return make_run()


@pytest.fixture
def call(capsys):
    """Run a command; return its status, what it printed, and what it said besides."""
    from typica.cli import main

    def call(*arguments):
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return end.value.code or 0, printed.out, printed.err

    return call
