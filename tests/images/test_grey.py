import numpy as np
import pytest

from typica.core.errors import DataError
from typica.images.grey import read_grey, write_grey

Image = pytest.importorskip("PIL.Image")


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_every_grey_comes_back_with_its_meaning(tmp_path, kind):
    most = np.iinfo(kind).max
    levels = np.random.default_rng(0).integers(0, most + 1, (7, 30)).astype(kind)
    levels[0, :2] = 0, most

    write_grey(tmp_path / "a.png", levels, {"kind": "x", "rate": 8000}, "a picture")
    grey = read_grey(tmp_path / "a.png")

    assert np.array_equal(grey.levels, levels)
    assert grey.levels.dtype == kind
    assert grey.meaning == {"kind": "x", "rate": 8000}
    assert Image.open(tmp_path / "a.png").text["Title"] == "a picture"


def test_a_grey_picture_that_was_saved_in_colours_is_still_read(tmp_path):
    levels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    write_grey(tmp_path / "a.png", levels, {"kind": "x"}, "")
    with Image.open(tmp_path / "a.png") as picture:
        text = picture.info["typica"]
        from PIL.PngImagePlugin import PngInfo

        info = PngInfo()
        info.add_text("typica", text)
        picture.convert("RGB").save(tmp_path / "b.png", pnginfo=info)

    assert np.array_equal(read_grey(tmp_path / "b.png").levels, levels)


def test_pictures_that_say_nothing_or_are_none_are_refused(tmp_path):
    Image.fromarray(np.zeros((2, 2), np.uint8)).save(tmp_path / "plain.png")
    (tmp_path / "none.png").write_bytes(b"hello")
    write_grey(tmp_path / "cut.png", np.zeros((50, 50), np.uint8), {}, "")
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:-30])

    with pytest.raises(DataError, match="do not say what they stand for"):
        read_grey(tmp_path / "plain.png")
    for name in ("none.png", "cut.png"):
        with pytest.raises(DataError, match="not a PNG picture"):
            read_grey(tmp_path / name)


def test_an_empty_picture_is_refused(tmp_path):
    with pytest.raises(DataError, match="0 x 5 pixels is empty"):
        write_grey(tmp_path / "a.png", np.zeros((5, 0), np.uint8), {}, "")


def test_a_picture_that_was_painted_in_colours_is_refused(tmp_path):
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("typica", "{}")
    colours = np.zeros((3, 4, 3), np.uint8)
    colours[1, 2] = 9, 9, 8
    Image.fromarray(colours).save(tmp_path / "a.png", pnginfo=info)

    with pytest.raises(DataError, match=r"a picture in colours \(RGB\): save it as grey"):
        read_grey(tmp_path / "a.png")
