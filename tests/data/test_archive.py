import io
import zipfile

import numpy as np
import pytest

from typica.core.errors import DataError
from typica.data.archive import Archive, read_archive, write_archive

ARCHIVE = Archive(
    "stft",
    {"window": 64, "smallest": 1e-5, "coding": "PCM_16"},
    {"code": np.arange(6.0).reshape(2, 3), "empty": np.zeros((0, 4), np.uint8)},
)


def test_what_is_written_comes_back_bit_for_bit_in_equal_files(tmp_path):
    write_archive(tmp_path / "a.npz", ARCHIVE)
    write_archive(tmp_path / "b.npz", ARCHIVE)

    back = read_archive(tmp_path / "a.npz")

    assert (back.kind, back.parameters) == (ARCHIVE.kind, ARCHIVE.parameters)
    for name, array in ARCHIVE.arrays.items():
        assert np.array_equal(back.arrays[name], array)
        assert back.arrays[name].dtype == array.dtype
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_numpy_reads_it_without_typica(tmp_path):
    write_archive(tmp_path / "a.npz", ARCHIVE)

    with np.load(tmp_path / "a.npz") as file:
        assert int(file["window"]) == 64
        assert str(file["representation"]) == "stft"


def test_nothing_is_unpickled(tmp_path):
    class Boom:
        def __reduce__(self):
            return pytest.fail, ("unpickled",)

    np.savez(tmp_path / "a.npz", representation=np.array("stft"), code=np.array([Boom()]))

    with pytest.raises(DataError, match="plain arrays alone"):
        read_archive(tmp_path / "a.npz")


def test_what_is_no_archive_is_refused(tmp_path):
    (tmp_path / "none.npz").write_bytes(b"hello")
    np.savez(tmp_path / "other.npz", code=np.zeros(3))

    with pytest.raises(DataError, match="not an npz file"):
        read_archive(tmp_path / "none.npz")
    with pytest.raises(DataError, match="not made by typica"):
        read_archive(tmp_path / "other.npz")


@pytest.mark.parametrize("compressed", [True, False])
def test_damage_anywhere_is_refused_or_does_no_harm(tmp_path, compressed):
    path = tmp_path / "a.npz"
    dtype = np.uint8 if compressed else np.float32
    write_archive(path, ARCHIVE._replace(arrays={"code": np.arange(300).astype(dtype)}))
    data, rng = path.read_bytes(), np.random.default_rng(0)
    refused = 0

    for at in range(0, len(data), 2):
        path.write_bytes(data[:at] + bytes([int(rng.integers(256))]) + data[at + 1 :])
        try:
            read_archive(path)
        except DataError:
            refused += 1

    assert refused > len(data) / 8


def test_an_array_larger_than_any_memory_is_refused(tmp_path):
    header = io.BytesIO()
    claim = {"descr": "|u1", "fortran_order": False, "shape": (1 << 50,)}
    np.lib.format.write_array_header_1_0(header, claim)
    np.savez(tmp_path / "a.npz", representation=np.array("pcm"))
    with zipfile.ZipFile(tmp_path / "a.npz", "a") as file:
        file.writestr("code.npy", header.getvalue())

    with pytest.raises(DataError, match="not an npz file that can be read"):
        read_archive(tmp_path / "a.npz")


def test_an_array_of_another_kind_is_named():
    with pytest.raises(
        DataError, match=r"'code' is not what a stft has: float64 of shape \(2, 3\)"
    ):
        ARCHIVE.array("code", "c", 2)
    with pytest.raises(DataError, match="'other' .* missing"):
        ARCHIVE.array("other", "f", 2)
    with pytest.raises(DataError, match="'coding' is missing or no whole number"):
        ARCHIVE.number("coding")
