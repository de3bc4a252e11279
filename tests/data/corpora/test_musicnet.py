import pytest

from typica.data.corpora.musicnet import MusicNet

HEADER = "start_time,end_time,instrument,note,start_beat,end_beat,note_value"
METADATA = (
    "id,composer,composition,movement,ensemble,source,transcriber,catalog_name,seconds",
    '1727,Schubert,"Piano Quintet, in A",2. Andante,Piano Quintet,European Archive,x,OP114,2',
    "2303,Bach,Suite,1,Solo Cello,x,y,z,2",
)


@pytest.fixture
def music(archive):
    archive.text("musicnet_metadata.csv", *METADATA)
    for split, name in (("train", 1727), ("train", 1728), ("test", 2303)):
        archive.wav(f"{split}_data/{name}.wav", seconds=2, rate=44100)
        archive.text(
            f"{split}_labels/{name}.csv",
            HEADER,
            "0,44100,1,60,0.0,1.0,Quarter",
            "22050,66150,42,60,0.5,1.0,Quarter",
            "70000,70000,42,61,1.5,0.0,Eighth",
        )


def test_times_in_samples_become_seconds_and_instruments_programs_from_0(
    music, prepared, recordings
):
    corpus, refused = prepared(MusicNet)

    assert refused == {}
    notes = corpus.notes(recordings(corpus)["train_data/1727.wav"])
    assert notes.onset_s.tolist() == [0.0, 0.5]
    assert notes.offset_s.tolist() == [1.0, 1.5]
    assert notes.program.tolist() == [0, 41]
    assert len(set(notes.channel.tolist())) == 2


def test_notes_lie_on_the_samples_at_another_rate(music, prepared, recordings):
    corpus, _ = prepared(MusicNet, rate=16000)
    recording = recordings(corpus)["train_data/1727.wav"]

    roll = corpus.condition([recording], [0], 32_000, ["roll"])["roll"].values[0, 60]

    assert recording.length == 32_000
    assert corpus.hop("roll") == 128
    assert roll.nonzero().flatten().tolist() == list(range(188))  # up to 1.5 s


def test_test_is_as_published_and_valid_is_taken_from_train(music, prepared, recordings):
    corpus, _ = prepared(MusicNet)

    splits = {name: one.split for name, one in recordings(corpus).items()}
    assert splits.pop("test_data/2303.wav") == "test"
    assert sorted(splits.values()) == ["train", "valid"]


def test_metadata_with_commas_become_facts(music, prepared, recordings):
    corpus, _ = prepared(MusicNet)

    found = recordings(corpus)["train_data/1727.wav"]
    assert found.facts["composition"] == "Piano Quintet, in A"
    assert corpus.labels[found.label] == "Piano Quintet"
    assert recordings(corpus)["train_data/1728.wav"].label is None  # no line tells of it


def test_metadata_may_lie_beside_the_unpacked_folder(music, prepared, recordings, tmp_path):
    (music_table := tmp_path / "archive" / "musicnet_metadata.csv").rename(
        tmp_path / music_table.name
    )

    corpus, _ = prepared(MusicNet)

    assert recordings(corpus)["train_data/1727.wav"].facts["composer"] == "Schubert"


def test_two_recordings_of_a_work_are_never_in_train_and_valid(music, archive):
    archive.text(
        "musicnet_metadata.csv",
        *METADATA,
        '1728,Schubert,"Piano Quintet, in A",1. Allegro,Piano Quintet,European Archive,x,OP114,2',
    )
    source = MusicNet(archive.root)

    groups = [source.open(item).group for item in source.items()]

    assert groups == ["Bach: Suite", *["Schubert: Piano Quintet, in A"] * 2]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("0,100,1,200,0,1,x", "damaged notes: the pitch of a note must be in [0, 127], got 200"),
        ("0,100,0,60,0,1,x", "damaged notes: the program of a note must be in [0, 127], got -1"),
        ("zero,100,1,60,0,1,x", "damaged notes: line 2 of 1728.csv"),
        ("0,100,1", "damaged notes: line 2 of 1728.csv"),
    ],
)
def test_damaged_labels_are_told(music, archive, prepared, line, reason):
    archive.text("train_labels/1728.csv", HEADER, line)
    (archive.root / "test_labels/2303.csv").unlink()

    _, refused = prepared(MusicNet)

    assert refused == {
        "train_data/1728.wav": reason,
        "test_data/2303.wav": "missing file: test_labels/2303.csv",
    }
