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


def test_layers_of_an_instrument_stay_in_one_split(archive, prepared, recordings):
    layers = [(f"Tom {n}", layer(f"{n} soft.wav") + layer(f"{n} hard.wav")) for n in range(30)]
    kit(archive, "a", *layers)
    for number in range(30):
        archive.wav(f"a/{number} soft.wav", seconds=0.1)
        archive.wav(f"a/{number} hard.wav", seconds=0.1)

    corpus, _ = prepared(Drums)

    splits = {}
    for one in corpus.recordings():
        splits.setdefault(one.facts["instrument"], set()).add(one.split)
    assert {len(found) for found in splits.values()} == {1}
    assert len(set().union(*splits.values())) == 3


def test_a_kit_that_names_no_licence_has_the_one_its_packagers_found(archive, prepared, recordings):
    for name in ("Millo_MultiLayered3", "my own"):
        kit(archive, name, ("Kick", layer("k.wav")), licence="")
        archive.wav(f"{name}/k.wav", seconds=0.1)

    corpus, _ = prepared(Drums)

    licences = {one.facts["kit"]: one.facts.get("licence") for one in corpus.recordings()}
    assert licences == {"Millo_MultiLayered3": "GPL-2", "my own": None}


def test_what_is_damaged_is_told(archive, prepared):
    kit(archive, "a", ("Kick", layer("k.wav") + layer("gone.wav")), ("X", layer("../b/x.wav")))
    archive.wav("a/k.wav", seconds=0.1)
    archive.text("b/drumkit.xml", "<drumkit_info><instrument>")
    for name, encoding in (("c", "foo"), ("d", "euc-jp")):
        archive.text(f"{name}/drumkit.xml", f'<?xml version="1.0" encoding="{encoding}"?><a/>')

    corpus, refused = prepared(Drums)

    assert len(corpus.recordings()) == 1
    assert refused == {
        "a/gone.wav": "missing file",
        "a/../b/x.wav": "outside of its kit",
        **{f"{name}/drumkit.xml": "damaged table of a drum kit" for name in "bcd"},
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
        ('Ride Bow (Custom, Zagrebin 22")', "ride"),
        ("VariBreaks Tom Hi", "tom"),
        ("Tom1", "tom"),
        ("Side OHH", "hat"),
        ("e4 - cymbal 2", "crash"),
        ("Dununba1 Bell Mute", "cowbell"),
        ('Crash/Ride (Paiste Rude Crash/Ride 18")', "crash"),
        ("Primo Drum", "other"),
    ],
)
def test_names_of_drums_are_understood(name, kind):
    assert class_of(name) == kind


def test_without_the_package_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(Drums, "place", tmp_path / "none")

    assert not Drums().is_ready
    with pytest.raises(DataError, match="^drums needs .*: apt-get install hydrogen-drumkits$"):
        Drums().items()
