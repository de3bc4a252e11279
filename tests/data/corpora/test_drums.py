import pytest

from typica.core.errors import DataError
from typica.data.corpora.drums import Drums, class_of

NAMED = '<drumkit_info xmlns="http://www.hydrogen-music.org/drumkit">'


def kit(archive, name, *instruments, root="<drumkit_info>", licence="CC0"):
    layers = "".join(
        f"<instrument><id>0</id><name>{instrument}</name>{inner}</instrument>"
        for instrument, inner in instruments
    )
    archive.text(
        f"{name}/drumkit.xml",
        '<?xml version="1.0"?>',
        f"{root}<name>{name}</name><license>{licence}</license>",
        f"<instrumentList>{layers}</instrumentList></drumkit_info>",
    )


def layer(file):
    return f"<layer><filename>{file}</filename><min>0</min></layer>"


@pytest.mark.parametrize("root", ["<drumkit_info>", NAMED])
def test_layers_of_all_kits_are_read_with_their_kind_and_licence(
    archive, prepared, recordings, root
):
    files = layer("kick.wav") + layer("kick soft.wav")
    kit(archive, "One 1.0", ("BassDrum", files), ("Closed HH", layer("hh.wav")), root=root)
    kit(archive, "Two", ("Snare Jazz", "<filename>s.wav</filename>"), ("", ""), licence="GPL")
    for name in ("One 1.0/kick", "One 1.0/kick soft", "One 1.0/hh", "Two/s"):
        archive.wav(f"{name}.wav", seconds=0.1, rate=44100)

    corpus, refused = prepared(Drums)

    assert refused == {}
    labels = {name: corpus.labels[one.label] for name, one in recordings(corpus).items()}
    assert labels == {
        "One 1.0/hh.wav": "hat",
        "One 1.0/kick soft.wav": "kick",
        "One 1.0/kick.wav": "kick",
        "Two/s.wav": "snare",
    }
    facts = recordings(corpus)["Two/s.wav"].facts
    assert facts == {"kit": "Two", "instrument": "Snare Jazz", "licence": "GPL"}


def test_what_is_damaged_is_told(archive, prepared):
    kit(archive, "a", ("Kick", layer("k.wav") + layer("gone.wav")), ("X", layer("../b/x.wav")))
    archive.wav("a/k.wav", seconds=0.1)
    archive.text("b/drumkit.xml", "<drumkit_info><instrument>")

    corpus, refused = prepared(Drums)

    assert len(corpus.recordings()) == 1
    assert refused == {
        "a/gone.wav": "missing file",
        "a/../b/x.wav": "outside of its kit",
        "b/drumkit.xml": "damaged table of a drum kit",
    }


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Open HH", "hat"),
        ("Hand Clap", "clap"),
        ("Pearl Side Stick", "rim"),
        ("Floor Tom", "tom"),
        ("Paiste Bell", "ride"),
        ("Cowbell", "cowbell"),
        ("Zap 1", "other"),
    ],
)
def test_names_of_drums_are_understood(name, kind):
    assert class_of(name) == kind


def test_without_the_package_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(Drums, "place", tmp_path / "none")

    assert not Drums().is_ready
    with pytest.raises(DataError, match="^drums needs .*: apt-get install hydrogen-drumkits$"):
        Drums().items()
