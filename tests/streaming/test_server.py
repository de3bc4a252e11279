"""The web server, with real sockets."""

import asyncio
import io
import json
import shutil
import socket
import struct
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import closing

import numpy as np
import pytest
import soundfile

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
pytest.importorskip("websockets")

from typica.core.errors import MissingFeatureError  # noqa: E402
from typica.data.pcm import to_codes  # noqa: E402
from typica.streaming import routes, server  # noqa: E402
from typica.streaming.errors import StreamError  # noqa: E402
from typica.streaming.server import Server, listen, parse_address  # noqa: E402
from typica.streaming.station import Station  # noqa: E402

SECOND = 8000


@pytest.fixture
def serve(broadcast):
    """Serve a performance; give the broadcast and the address."""
    served = []

    def serve(performance, limits=None, **settings):
        one = broadcast(performance, **{"live": True, "lead_s": 1.0, **settings})
        web = Server(Station(one, "ramp", "counting", limits or {}), listen("127.0.0.1:0"))
        served.append((one, web))
        web.start()
        one.start()
        return one, web.address

    yield serve
    for one, web in served:
        one.stop()
        one.join(5)
        web.stop()


def read(address, size=None, **headers):
    with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=10) as a:
        return a.read(size)


def wav_codes(body):
    return np.frombuffer(body[44 : len(body) // 2 * 2], "<i2")


def until(condition, timeout_s=30.0):
    end = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def test_players_hear_the_same_samples_however_late_they_come(serve, perform, ramp_codes):
    _, address = serve(perform())
    early = wav_codes(read(f"{address}/stream.wav", 44 + 2 * SECOND))
    late = wav_codes(read(f"{address}/stream.wav", 44 + 2 * SECOND))

    for heard in (early, late):
        begins = int(heard[0]) + 32768
        np.testing.assert_array_equal(heard, ramp_codes(begins, SECOND))
    assert late[0] >= early[0]


def test_an_endless_file_is_read_by_a_player_before_it_ends(serve, perform, ramp_codes):
    _, address = serve(perform())

    with soundfile.SoundFile(io.BytesIO(read(f"{address}/stream.wav", 44 + 2 * SECOND))) as file:
        heard = file.read(SECOND, dtype="int16")

    assert (file.samplerate, file.channels, len(heard)) == (8000, 1, SECOND)
    np.testing.assert_array_equal(heard, ramp_codes(int(heard[0]) + 32768, SECOND))


@pytest.mark.skipif(not (shutil.which("flac") and shutil.which("curl")), reason="apt install flac")
def test_the_flac_program_plays_while_the_stream_goes_on(serve, perform):
    class Noise(perform):
        def __next__(self):
            block = super().__next__()
            return block._replace(audio=noise(block.at))

    _, address = serve(Noise())

    play = f"curl -s {address}/stream.flac | flac -d -s -c - 2>/dev/null | head -c 8044"
    body = subprocess.run(play, shell=True, capture_output=True, timeout=30).stdout

    heard = wav_codes(body)
    expected = to_codes(np.concatenate([noise(at) for at in range(0, 40000, 400)]), 1.0)
    begins = [at for at in range(0, 36000, 400) if np.array_equal(expected[at : at + 4000], heard)]
    assert len(begins) == 1


def noise(seed):
    return np.random.default_rng(seed).uniform(-1, 1, 400).astype(np.float32)


def test_an_endless_file_ends_with_the_stream(serve, perform, ramp_codes):
    _, address = serve(perform(40, slowness_s=0.01))
    heard = wav_codes(read(f"{address}/stream.wav"))
    assert len(heard) > 4000
    np.testing.assert_array_equal(heard, ramp_codes(40 * 400 - len(heard), len(heard)))


def test_a_player_that_goes_is_forgotten(serve, perform):
    one, address = serve(perform())
    read(f"{address}/stream.wav", 1000)
    assert until(lambda: not one.listeners)
    assert one.metrics()["listeners_ever"] == 1
    assert one.metrics()["listeners_dropped"] == 0


def test_a_player_that_stalls_is_dropped_and_the_others_go_on(
    serve, perform, ramp_codes, monkeypatch
):
    monkeypatch.setattr(routes, "CAPACITY_S", 2.0)
    one, address = serve(perform(), live=False)  # as fast as it can, so that buffers fill
    host, port = address.removeprefix("http://").split(":")
    with closing(socket.socket()) as stalled:
        stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stalled.connect((host, int(port)))
        stalled.sendall(b"GET /stream.wav HTTP/1.1\r\nHost: x\r\n\r\n")

        assert until(lambda: one.dropped == 1)
        assert until(lambda: not one.listeners)

        codes = wav_codes(read(f"{address}/stream.wav", 44 + 2000))
        np.testing.assert_array_equal(codes, ramp_codes(int(codes[0]) + 32768, 1000))

        time.sleep(1)
        rest = b"".join(iter(lambda: stalled.recv(1 << 16), b""))
        assert not rest.endswith(b"0\r\n\r\n")  # it can tell that it was cut off


def test_a_player_that_was_dropped_gives_its_place_to_another(serve, perform, monkeypatch):
    monkeypatch.setattr(routes, "CAPACITY_S", 2.0)
    monkeypatch.setattr(server, "MOST", 2)
    monkeypatch.setattr(server, "SWEEP_EVERY_S", 0.2)
    one, address = serve(perform(), live=False)
    host, port = address.removeprefix("http://").split(":")
    with closing(socket.socket()) as stalled:
        stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stalled.connect((host, int(port)))
        stalled.sendall(b"GET /stream.wav HTTP/1.1\r\nHost: x\r\n\r\n")
        assert until(lambda: one.dropped == 1)

        def is_answered():
            try:
                return len(read(f"{address}/metrics")) > 0
            except urllib.error.HTTPError as error:  # all places are taken
                error.close()
                return False

        assert until(is_answered)


def test_a_page_that_stalls_skips_ahead_and_the_others_go_on(serve, perform, monkeypatch):
    monkeypatch.setattr(routes, "CAPACITY_S", 2.0)
    one, address = serve(perform(slowness_s=0.001), live=False)
    host, port = address.removeprefix("http://").split(":")
    with closing(socket.socket()) as stalled:
        stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stalled.connect((host, int(port)))
        stalled.sendall(UPGRADE)

        assert until(lambda: one.metrics()["skipped_seconds"] > 0)

        before = one.metrics()["samples"]
        assert len(read(f"{address}/stream.wav", 44 + 2 * SECOND)) == 44 + 2 * SECOND
        assert one.metrics()["samples"] > before
        assert max(listener.waiting for listener in one.listeners) <= 2 * SECOND
    assert until(lambda: not one.listeners)


UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def conversation(address, messages, say=()):
    """Return so many messages of the socket; samples as (at, codes)."""
    from websockets.asyncio.client import connect

    async def talk():
        async with connect(f"{address.replace('http', 'ws')}/ws") as line:
            for words in say:
                await line.send(words)
            return [await asyncio.wait_for(line.recv(), 10) for _ in range(messages)]

    heard = asyncio.run(talk())
    words = [json.loads(message) for message in heard if isinstance(message, str)]
    sounds = [message for message in heard if isinstance(message, bytes)]
    return words, [(struct.unpack("<Q", s[:8])[0], np.frombuffer(s[8:], "<i2")) for s in sounds]


def test_the_socket_carries_samples_and_words_in_order(serve, perform, ramp_codes, monkeypatch):
    monkeypatch.setattr(routes, "STATE_EVERY_S", 0.1)
    event = {"at": 400, "kind": "loop", "text": "A loop."}
    performance = perform(events={1: [event]}, reading={"level": -20.0, "odd": float("nan")})
    _, address = serve(performance, {"level": (-40.0, None)})

    words, sounds = conversation(address, 60)

    first, *others = words
    assert (first["type"], first["title"], first["rate"]) == ("state", "ramp", 8000)
    assert first["limits"] == {"level": [-40.0, None]}
    blocks = [one for one in others if one["type"] == "block"]
    assert blocks[-1]["reading"] == {"level": -20.0, "odd": None}
    codes = np.concatenate([codes for _, codes in sounds])
    np.testing.assert_array_equal(codes, ramp_codes(sounds[0][0], len(codes)))
    starts = [at for at, _ in sounds]
    assert starts == list(range(starts[0], starts[0] + 400 * len(starts), 400))
    assert any(one["type"] == "metrics" for one in others)


def test_a_page_tells_how_it_fares_and_nonsense_is_passed_over(serve, perform):
    from websockets.asyncio.client import connect

    one, address = serve(perform())

    async def talk():
        async with connect(f"{address.replace('http', 'ws')}/ws", close_timeout=0.1) as line:
            for words in ("nonsense", "[]", '{"underruns": 3, "buffer_s": 1.5}'):
                await line.send(words)
            until_told = asyncio.to_thread(until, lambda: one.metrics()["underruns"] == 3)
            return await until_told

    assert asyncio.run(talk())
    assert until(lambda: not one.listeners)
    assert one.metrics()["underruns"] == 3


def test_what_a_page_counts_never_falls(serve, perform):
    from websockets.asyncio.client import connect

    one, address = serve(perform())

    def is_told():
        return [listener.own_buffer_s for listener in one.listeners] == [2.5]

    async def talk():
        async with connect(f"{address.replace('http', 'ws')}/ws", close_timeout=0.1) as line:
            await line.send('{"underruns": 3, "buffer_s": 1.5}')
            await line.send('{"underruns": 1, "buffer_s": 2.5}')
            assert await asyncio.to_thread(until, is_told)
            return one.metrics()["underruns"]

    assert asyncio.run(talk()) == 3


@pytest.mark.parametrize(
    "words",
    [
        '{"underruns": ' + "9" * 400 + ', "buffer_s": 1}',
        '{"underruns": 1e999, "buffer_s": 1}',
        '{"underruns": -1, "buffer_s": 1}',
        '{"underruns": 1, "buffer_s": NaN}',
        "[" * 4000,
        b"bytes",
    ],
    ids=["huge", "infinite", "negative", "no number", "deep", "bytes"],
)
def test_what_a_page_cannot_mean_changes_no_figure(serve, perform, words):
    one, address = serve(perform())

    heard, _ = conversation(address, 6, say=[words])

    assert heard
    assert one.metrics()["underruns"] == 0
    assert read(f"{address}/metrics", Accept="text/plain")


def test_pages_from_elsewhere_are_not_talked_to(serve, perform):
    from websockets.asyncio.client import connect
    from websockets.exceptions import InvalidStatus

    _, address = serve(perform())

    async def from_elsewhere():
        async with connect(f"{address.replace('http', 'ws')}/ws", origin="https://elsewhere.org"):
            pass

    with pytest.raises(InvalidStatus):
        asyncio.run(from_elsewhere())


def test_the_page_needs_nothing_from_elsewhere(serve, perform):
    _, address = serve(perform())
    page = read(address).decode()
    script = read(f"{address}/page.js").decode()
    assert "<title>typica</title>" in page
    for text in (page, script, read(f"{address}/page.css").decode()):
        assert "//" not in text.replace("http://www.w3.org", "").replace("// ", "")
    with urllib.request.urlopen(address, timeout=5) as answer:
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]


def test_figures_come_as_json_and_in_the_text_of_prometheus(serve, perform):
    _, address = serve(perform(reading={"level": -20.0}))
    assert until(lambda: json.loads(read(f"{address}/metrics"))["blocks"] > 2)

    with urllib.request.urlopen(
        urllib.request.Request(f"{address}/metrics", headers={"Accept": "text/plain;version=0.0.4"})
    ) as answer:
        kind, text = answer.headers["Content-Type"], answer.read().decode()

    assert "version=0.0.4" in kind
    assert "# TYPE typica_stream_listeners gauge" in text.splitlines()
    assert "typica_stream_listeners 0" in text.splitlines()
    assert 'typica_stream_reading{name="level"} -20.0' in text.splitlines()


def test_a_head_request_is_answered_without_a_body(serve, perform):
    one, address = serve(perform())
    request = urllib.request.Request(f"{address}/stream.wav", method="HEAD")
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert answer.headers["Content-Type"] == "audio/wav"
    assert one.joined == 0


def test_what_is_not_there_is_not_found(serve, perform):
    _, address = serve(perform())
    with pytest.raises(urllib.error.HTTPError) as error:
        read(f"{address}/../secrets")
    assert error.value.code == 404
    error.value.close()


def test_a_port_that_is_taken_is_one_sentence():
    with closing(listen("127.0.0.1:0")) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StreamError) as error:
            listen(f"127.0.0.1:{port}")
    assert str(error.value) == (
        f"cannot listen at 127.0.0.1:{port}: address already in use; "
        f"choose another with --http 127.0.0.1:PORT"
    )


def test_an_address_is_read_as_people_write_it():
    assert parse_address("127.0.0.1:8000") == ("127.0.0.1", 8000)
    assert parse_address(":8000") == parse_address("8000") == ("127.0.0.1", 8000)
    assert parse_address("[::1]:80") == ("::1", 80)
    for wrong in ("here", "127.0.0.1:port", "127.0.0.1:70000"):
        with pytest.raises(StreamError, match="--http takes HOST:PORT"):
            parse_address(wrong)


@pytest.mark.parametrize("package", ["starlette", "uvicorn", "websockets"])
def test_missing_packages_name_their_extra(monkeypatch, package):
    import sys

    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingFeatureError, match=r"pip install 'typica\[studio\]'"):
        listen("127.0.0.1:0")
