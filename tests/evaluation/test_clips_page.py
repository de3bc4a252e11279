"""The page on which clips are chosen, in a real browser: from the disk, and from a server."""

import contextlib
import importlib.util
import json
import shutil
import threading
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
pytest.importorskip("websockets")
pytest.importorskip("matplotlib")

from typica.actions.album.clips import read_clip  # noqa: E402
from typica.evaluation.curation import (  # noqa: E402
    CURATION,
    Choice,
    Clip,
    Curation,
    peaks_of,
    place,
)
from typica.evaluation.curation_page import write_page  # noqa: E402
from typica.evaluation.free_running import Stream  # noqa: E402

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
MEASURES = Path(__file__).parents[2] / "benchmarks" / "stream_page.py"
pytestmark = [
    pytest.mark.skipif(not BROWSER, reason="no Chromium on this machine: apt install chromium"),
    pytest.mark.timeout(120),
]
RATE, NAMES = 8000, ["clip-001", "clip-002", "clip-003"]
READY = "document.body?.dataset.ready === 'true'"


@pytest.fixture(scope="module")
def browser():
    spec = importlib.util.spec_from_file_location("stream_page", MEASURES)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with module.chromium(BROWSER, ("--autoplay-policy=no-user-gesture-required",)) as browser:
        yield browser


@pytest.fixture
def album(tmp_path):
    """Three clips of 4 s, of which the third is best by the rules."""
    from matplotlib.image import imsave

    clips = []
    for number, name in enumerate(NAMES):
        audio = 0.3 * np.sin(2 * np.pi * 200 * (1 + number) * np.arange(4 * RATE) / RATE)
        (tmp_path / "clips").mkdir(exist_ok=True)
        soundfile.write(tmp_path / "clips" / f"{name}.wav", audio, RATE)
        imsave(tmp_path / "clips" / f"{name}.png", np.eye(8))
        stream = Stream({"loop": 0.2 - 0.1 * number}, 1, -12.0, 3.0 - number, 0.1, 5.0)
        peaks = peaks_of(torch.from_numpy(audio)[None])
        clip = Clip(name, number, 4 * RATE, RATE, stream, [float(number)], peaks)
        (tmp_path / "clips" / f"{name}.json").write_text(json.dumps({"clip": asdict(clip)}))
        clips.append(clip)
    write_page(tmp_path, "A <b>band</b>", place(clips), None, "typica album band --export")
    return tmp_path


@contextlib.contextmanager
def served(album):
    from typica.actions.album.curate import saver
    from typica.streaming.curating import address_of, application, server
    from typica.streaming.server import listen

    with listen("127.0.0.1:0") as place_:
        web = server(
            application(album / "index.html", album / "clips", album / CURATION, saver(album))
        )
        thread = threading.Thread(target=web.run, kwargs={"sockets": [place_]}, daemon=True)
        thread.start()
        try:
            yield address_of(place_)
        finally:
            web.should_exit = True
            thread.join(5)


def press(browser, key, shift=False):
    event = f"new KeyboardEvent('keydown', {{ key: {key!r}, shiftKey: {str(shift).lower()}, "
    browser.evaluate(f"document.body.dispatchEvent({event} bubbles: true, cancelable: true }}))")


def type_(browser, row, field, text):
    field = f"document.querySelectorAll('.clip')[{row}].querySelector('{field}')"
    browser.evaluate(f"{field}.value = {json.dumps(text)}")
    browser.evaluate(f"{field}.dispatchEvent(new Event('input'))")


def order(browser):
    return browser.evaluate(
        "[...document.querySelectorAll('.clip')].map((row) => row.dataset.name)"
    )


def saved(browser):
    browser.wait("document.querySelector('#saved').textContent.match(/^(saved|kept)/)")


def test_clips_are_chosen_by_keys_and_found_in_the_file_that_is_saved(browser, album):
    with served(album) as address:
        browser.open(address)
        browser.wait(READY)
        assert order(browser) == ["clip-003", "clip-002", "clip-001"]
        assert browser.text("h1") == ""
        assert browser.evaluate("document.querySelector('#title').placeholder") == "A <b>band</b>"

        press(browser, "k")
        press(browser, "ArrowDown")
        press(browser, "d")
        press(browser, "ArrowDown")
        press(browser, "k")
        press(browser, "ArrowUp", shift=True)
        type_(browser, 0, ".name", "First </script> light")
        browser.wait("document.querySelector('#saved').textContent === 'saved'")

        assert [browser.text(f"#{one}") for one in ("kept", "dropped", "undecided")] == list("210")
        assert browser.text("#length") == "0:06"  # 4 + 4 - 2 of a crossfade
    found = Curation.from_json(json.loads((album / CURATION).read_text()))
    assert found.kept == ["clip-003", "clip-001"]
    assert found.order == ("clip-003", "clip-001", "clip-002")
    assert found.clips["clip-003"].title == "First </script> light"
    assert browser.complaints() == []


def test_what_was_chosen_is_there_when_the_page_is_opened_again(browser, album):
    chosen = {"order": NAMES, "title": "Album", "join": "gap", "seconds": 1.0}
    clips = {"clip-002": {"verdict": "keep", "title": "Two", "note": "louder"}}
    (album / CURATION).write_text(json.dumps(chosen | {"clips": clips}))

    with served(album) as address:
        browser.open(address)
        browser.wait(READY)

        assert order(browser) == NAMES
        assert browser.text("#kept") == "1"
        assert browser.evaluate("document.querySelectorAll('.note')[1].value") == "louder"
        assert browser.evaluate("document.querySelector('#join').value") == "gap"


def test_a_page_on_the_disk_shows_what_was_chosen_when_it_was_written(browser, album):
    chosen = Curation(NAMES, {"clip-001": Choice("drop", "</script>")}, "<Album>", "gap", 0.5)
    clips = [read_clip(album / "clips", name) for name in NAMES]
    write_page(album, "band", place(clips), chosen, "typica album band --export")

    browser.open((album / "index.html").as_uri())
    browser.wait(READY)

    assert order(browser) == NAMES
    assert browser.text("#dropped") == "1"
    assert browser.evaluate("document.querySelector('.name').value") == "</script>"
    assert browser.evaluate("document.querySelector('#title').value") == "<Album>"


def test_a_page_on_the_disk_keeps_choices_in_the_browser_and_gives_them_away(browser, album):
    browser.open((album / "index.html").as_uri())
    browser.wait(READY)
    press(browser, "k")
    saved(browser)

    browser.open((album / "index.html").as_uri() + "?again")
    browser.wait(READY)

    assert browser.text("#kept") == "1"
    text = browser.evaluate("fetch(document.querySelector('#download').href).then((a) => a.text())")
    assert Curation.from_json(json.loads(text)).kept == ["clip-003"]
    assert not (album / CURATION).exists()


@pytest.mark.parametrize("door", ["disk", "server"])
def test_space_plays_and_a_click_on_the_sound_goes_there(browser, album, door):
    with served(album) as address:
        browser.open(address if door == "server" else (album / "index.html").as_uri())
        browser.wait(READY)

        press(browser, " ")
        playing = "document.querySelector('.clip .play').ariaPressed === 'true'"
        browser.wait(playing)
        browser.wait("parseFloat(document.querySelector('.clip .head').style.left) > 2")
        browser.click(".clip .sound")
        browser.wait("parseFloat(document.querySelector('.clip .head').style.left) > 49")

        press(browser, " ")
        browser.wait("document.querySelector('.clip .play').ariaPressed === 'false'")


@pytest.mark.parametrize("door", ["disk", "server"])
def test_what_was_chosen_a_moment_before_the_page_goes_is_kept(browser, album, door):
    with served(album) as address:
        page = address if door == "server" else (album / "index.html").as_uri()
        browser.open(f"{page}?first")
        browser.wait(READY)
        press(browser, "k")

        browser.open(f"{page}?second")
        browser.wait(READY)

        assert browser.text("#kept") == "1"


def test_a_window_that_was_left_open_takes_nothing_back(browser, album):
    with served(album) as address:
        browser.open(address)
        browser.wait(READY)
        press(browser, "k")
        browser.wait("document.querySelector('#saved').textContent === 'saved'")
        elsewhere = {"order": NAMES, "clips": {}, "title": "Later", "join": "gap", "seconds": 1}
        (album / CURATION).write_text(json.dumps(elsewhere))

        press(browser, "d")
        browser.wait("document.querySelector('#saved').textContent.startsWith('not saved')")

        assert "other choices were saved meanwhile" in browser.text("#saved")
        assert json.loads((album / CURATION).read_text()) == elsewhere
        browser.open(f"{address}?again")
        browser.wait(READY)
        press(browser, "k")
        browser.wait("document.querySelector('#saved').textContent === 'saved'")
    assert json.loads((album / CURATION).read_text())["title"] == "Later"


DRAG = """
(() => {
  const rows = document.querySelectorAll(".clip");
  const dataTransfer = new DataTransfer();
  const send = (to, kind) =>
    to.dispatchEvent(new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true }));
  send(rows[FROM].querySelector(".handle"), "dragstart");
  send(rows[TO], "dragover");
  send(rows[TO], "drop");
})()
"""


def test_clips_are_moved_by_keys_buttons_and_hands(browser, album):
    browser.open((album / "index.html").as_uri() + "?moving")
    browser.wait(READY)

    press(browser, "ArrowDown", shift=True)
    assert order(browser) == ["clip-002", "clip-003", "clip-001"]
    browser.evaluate("document.querySelectorAll('.up')[2].click()")
    assert order(browser) == ["clip-002", "clip-001", "clip-003"]
    browser.evaluate(DRAG.replace("FROM", "0").replace("TO", "2"))
    assert order(browser) == ["clip-001", "clip-003", "clip-002"]
    browser.evaluate(DRAG.replace("FROM", "2").replace("TO", "0"))
    assert order(browser) == ["clip-002", "clip-001", "clip-003"]
    browser.evaluate("document.querySelector('#arrange').click()")
    assert order(browser) == ["clip-003", "clip-002", "clip-001"]


def test_keys_are_left_alone_where_one_types(browser, album):
    browser.open((album / "index.html").as_uri() + "?typing")
    browser.wait(READY)
    kept = browser.text("#kept")

    browser.evaluate(
        "document.querySelector('.name').dispatchEvent("
        "new KeyboardEvent('keydown', { key: 'd', bubbles: true }))"
    )

    assert browser.text("#dropped") == "0"
    assert browser.text("#kept") == kept


@pytest.mark.parametrize(
    ("body", "kind", "status", "words"),
    [
        ("{}", "application/json", 422, "no curation: it lacks order"),
        ("not json", "application/json", 422, "Expecting value"),
        ("{}", "text/plain", 415, "send JSON"),
        (" " * (5 << 20), "application/json", 413, "too long"),
    ],
)
def test_what_is_no_curation_is_not_saved(album, body, kind, status, words):
    import urllib.error
    import urllib.request

    with served(album) as address:
        request = urllib.request.Request(
            f"{address}/curation.json", body.encode(), {"Content-Type": kind}, method="PUT"
        )
        with pytest.raises(urllib.error.HTTPError) as refusal:
            urllib.request.urlopen(request, timeout=20)
        with refusal.value as answer:
            assert (answer.code, words in answer.read().decode()) == (status, True)

    assert not (album / CURATION).exists()


def test_nothing_but_the_page_and_its_clips_is_served(album):
    import urllib.error
    import urllib.request

    (album / "album.json").write_text("{}")
    with served(album) as address:
        with urllib.request.urlopen(f"{address}/clips/clip-001.wav", timeout=20) as answer:
            assert len(answer.read()) == 2 * 4 * RATE + 44
        for path in ("album.json", "clips/../album.json", "clips/%2e%2e/album.json"):
            with pytest.raises(urllib.error.HTTPError) as refusal:
                urllib.request.urlopen(f"{address}/{path}", timeout=20)
            assert refusal.value.code == 404
            refusal.value.close()
