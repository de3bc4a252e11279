import json
import math
import threading
import time

import numpy as np

from typica.streaming import chronicle
from typica.streaming.block import Block
from typica.streaming.chronicle import Chronicle, as_json

RATE = 100


def block(at, reading, events=()):
    return Block(np.zeros(RATE, np.float32), at, reading, events)


def test_readings_are_summed_up_minute_by_minute():
    record = Chronicle(RATE)
    for second in range(90):
        record.add(block(second * RATE, {"level": float(second)}))

    minutes = record.report()["minutes"]

    assert minutes == [
        {"minute": 0, "readings": {"level": [0.0, 29.5, 59.0]}},
        {"minute": 1, "readings": {"level": [60.0, 74.5, 89.0]}},
    ]


def test_events_are_kept_counted_and_told():
    record, told = Chronicle(RATE), []
    record.listeners.append(told.append)
    event = {"at": np.int64(5), "kind": "loop", "text": "A loop."}

    record.add(block(0, {}, [event, event]))

    assert told == [event, event]
    assert record.report()["counts"] == {"loop": 2}
    assert record.report()["events"][0] == {"at": 5, "kind": "loop", "text": "A loop."}


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(chronicle, "EVENTS", 10)
    record = Chronicle(RATE)
    for number in range(100):
        record.tell({"at": number, "kind": "loop", "text": ""})
    assert [event["at"] for event in record.newest(100)] == list(range(90, 100))
    assert record.counts["loop"] == 100


def test_a_minute_that_is_told_of_goes_on():
    record = Chronicle(RATE)
    for second in range(70):
        record.add(block(second * RATE, {"level": float(second)}))
        record.report()

    minutes = record.report()["minutes"]

    assert [one["minute"] for one in minutes] == [0, 1]
    assert minutes[0]["readings"] == {"level": [0.0, 29.5, 59.0]}


def test_what_was_read_does_not_change_when_more_happens():
    record = Chronicle(RATE)
    record.tell({"at": 0, "kind": "loop", "text": ""})
    counts = record.counts

    record.tell({"at": 1, "kind": "noise", "text": ""})

    assert counts == {"loop": 1}


def test_it_is_read_while_another_thread_writes(monkeypatch):
    """Summing up pauses, so that a writer who does not wait gets in between."""
    summary = chronicle._Range.summary

    def pausing(one):
        time.sleep(1e-4)
        return summary(one)

    monkeypatch.setattr(chronicle._Range, "summary", pausing)
    monkeypatch.setattr(chronicle, "MINUTES", 3)
    record, stop = Chronicle(1), threading.Event()

    def write():
        number = 0
        while not stop.is_set():
            number += 1
            record.add(Block(np.zeros(1, np.float32), number, {f"gauge {number}": 1.0}, []))
            time.sleep(1e-4)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(20):
            numbers = [one["minute"] for one in record.report()["minutes"]]
            assert numbers == sorted(set(numbers))
        assert writer.is_alive()
    finally:
        stop.set()
        writer.join()


def test_json_is_given_what_it_can_hold():
    given = {"a": np.float32(1.5), 2: math.nan, "c": (np.int64(3), True, None, math.inf)}
    held = as_json(given)
    assert held == {"a": 1.5, "2": None, "c": [3, True, None, None]}
    json.dumps(held, allow_nan=False)
