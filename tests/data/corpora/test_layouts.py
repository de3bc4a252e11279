import pickle

import pytest

from typica.actions.list_data import list_data
from typica.actions.prepare_data import prepare_data
from typica.core.errors import ConfigError, DataError
from typica.data import corpora
from typica.data.corpora.ljspeech import LJSpeech
from typica.data.layout import LayoutSource

FETCHED = [
    *("lakh", "ljspeech", "maestro", "maps", "musicnet", "nsynth", "sc09", "speech_commands"),
    "vctk",
]
INSTALLED = ["asterisk_words", "drums", "ktuberling_words"]


@pytest.mark.parametrize("name", FETCHED)
def test_without_its_folder_it_says_where_to_fetch_it(name):
    with pytest.raises(DataError, match=f"^{name} needs .* https://.*--from[^\n]*$"):
        prepare_data(name)


@pytest.mark.parametrize("name", [*FETCHED, *INSTALLED])
def test_another_folder_is_refused_by_its_layout(name, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "readme.txt").write_text("nothing")

    with pytest.raises(DataError, match=f"other is not laid out as {name}: it needs "):
        prepare_data(name, folder=tmp_path / "other")
    with pytest.raises(DataError, match=f"there is no folder .*gone: {name} needs "):
        prepare_data(name, folder=tmp_path / "gone")


def test_the_folder_above_is_refused_with_the_name_of_the_right_one(clips, tmp_path):
    (clips.root.parent / "another").mkdir()

    with pytest.raises(DataError, match="but its folder archive is: give --from .*archive$"):
        prepare_data("ljspeech", folder=clips.root.parent)


@pytest.mark.parametrize("share", [0.99, 0.5])
def test_a_sound_that_was_cut_in_copying_is_told(clips, prepared, share):
    path = clips.root / "wavs/LJ2.wav"
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])

    _, refused = prepared(LJSpeech)

    (reason,) = refused.values()
    assert list(refused) == ["wavs/LJ2.wav"]
    assert reason == f"broken sound file: cut after {int(len(data) * share)} of {len(data)} bytes"


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF])
def test_a_sound_of_unsaid_length_is_read_to_its_end(clips, prepared, size):
    path = clips.root / "wavs/LJ2.wav"
    data = path.read_bytes()
    assert data[36:40] == b"data"
    path.write_bytes(data[:40] + size.to_bytes(4, "little") + data[44:])

    corpus, refused = prepared(LJSpeech)

    assert refused == {}
    assert len({one.length for one in corpus.recordings()}) == 1


def test_a_folder_is_named_for_published_corpora_alone(tmp_path):
    with pytest.raises(ConfigError, match="chorales is read from no folder: leave --from out"):
        prepare_data("chorales", folder=tmp_path)
    with pytest.raises(ConfigError, match="not 'maestr': did you mean 'maestro'"):
        prepare_data("maestr", folder=tmp_path)
    with pytest.raises(ConfigError, match="--licence and --labels are for folders"):
        prepare_data("maestro", folder=tmp_path, licence="CC0")


def test_the_list_tells_what_each_needs_and_whether_it_is_here():
    offers = {one.name: one for one in list_data().built_in}

    assert set(offers) == set(corpora.names()) >= {*FETCHED, *INSTALLED}
    for name in FETCHED:
        assert offers[name].from_folder
        assert not offers[name].is_ready
        assert issubclass(corpora.find(name), LayoutSource)
    assert not offers["single_notes"].from_folder


@pytest.fixture
def clips(archive):
    archive.text("metadata.csv", *(f"LJ{n}|text {n}|text {n}" for n in range(4)))
    for number in range(4):
        archive.wav(f"wavs/LJ{number}.wav")
    return archive


def test_workers_open_what_the_listing_told(clips):
    source = LJSpeech(clips.root)
    items = pickle.loads(pickle.dumps(source.items()))

    sound = pickle.loads(pickle.dumps(source)).open(items[2])

    assert sound.facts["text"] == "text 2"
    assert items == sorted(source.items()) == source.items()


def test_a_changed_text_changes_the_corpus_and_nothing_else_does(clips, tmp_path):
    def fingerprint():
        return prepare_data("ljspeech", tmp_path / "x", folder=clips.root, workers=1).fingerprint

    first = fingerprint()
    assert fingerprint() == first

    lines = [f"LJ{n}|text {n}|text {n}" for n in range(3)] + ["LJ3|another|another"]
    clips.text("metadata.csv", *lines)
    assert fingerprint() != first


def test_several_workers_prepare_the_same(clips, tmp_path):
    one, two = (
        prepare_data("ljspeech", tmp_path / f"{count}", folder=clips.root, workers=count)
        for count in (1, 2)
    )

    assert one.fingerprint == two.fingerprint
    assert one.recordings() == two.recordings()
