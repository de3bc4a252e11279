"""What a broadcast says of itself, as JSON and to Prometheus."""

import json
import re

import pytest

from typica.streaming.prometheus import FAMILIES
from typica.streaming.station import EVENTS, Station

LINE = re.compile(r'typica_stream_(\w+)(?:\{(\w+)="((?:[^"\\]|\\.)*)"\})? (\S+)')


@pytest.fixture
def station(broadcast, perform):
    """A station of a broadcast that has ended; every block of it has a reading and an event."""

    def station(blocks=3, reading=None, kind="loop"):
        events = {number: [{"at": number, "kind": kind, "text": "x"}] for number in range(blocks)}
        one = broadcast(perform(blocks, events=events, reading=reading or {"level 4 s": -20.0}))
        one.start()
        one.join(5)
        return Station(one, "ramp", "counting", {"level 4 s": (-40.0, None)})

    return station


def told(text):
    """The values in a text of Prometheus, by name and label."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    found = [LINE.fullmatch(line).groups() for line in lines]
    return {(name, label): float(value) for name, _, label, value in found}


def test_a_newcomer_is_told_all_that_a_page_shows(station):
    state = json.loads(json.dumps(station().state(), allow_nan=False))

    assert (state["title"], state["engine"], state["rate"]) == ("ramp", "counting", 8000)
    assert state["limits"] == {"level 4 s": [-40.0, None]}
    assert state["reading"] == {"level 4 s": -20.0}
    assert state["counts"] == {"loop": 3}
    assert [event["at"] for event in state["events"]] == [0, 1, 2]
    assert state["metrics"]["samples"] == 1200
    assert state["ended"] is True


def test_a_newcomer_is_told_the_newest_events_alone(station):
    events = station(EVENTS + 5).state()["events"]
    assert [event["at"] for event in events] == list(range(5, EVENTS + 5))


def test_a_station_can_be_told_from_the_one_before(station):
    assert station().began != station().began


def test_every_figure_says_what_it_is_before_its_values(station):
    lines = station().prometheus().splitlines()

    named = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(named) == len(set(named)) == len(FAMILIES)
    for name in named:
        where = next(i for i, line in enumerate(lines) if line.startswith(f"# HELP {name} "))
        kind = FAMILIES[name.removeprefix("typica_stream_")].kind
        assert lines[where + 1] == f"# TYPE {name} {kind}"
        assert re.match(rf"{name}[ {{]", lines[where + 2])


def test_prometheus_is_told_what_the_page_is_told(station):
    one = station()
    values, metrics = told(one.prometheus()), one.broadcast.metrics()

    assert {name: values[name, None] for name in metrics} == pytest.approx(metrics)
    assert values["reading", "level 4 s"] == -20.0
    assert values["events", "loop"] == 3


def test_what_has_no_values_yet_is_not_spoken_of(broadcast, perform):
    text = Station(broadcast(perform())).prometheus()
    assert "reading" not in text
    assert "events" not in text
    assert text.endswith("\n")


def test_names_and_values_are_written_as_prometheus_reads_them(station):
    reading = {'a "b" \\ c': 1.0, "none": float("nan"), "all": float("inf"), "no": -float("inf")}
    text = station(reading=reading).prometheus()

    assert r'typica_stream_reading{name="a \"b\" \\ c"} 1.0' in text.splitlines()
    assert 'typica_stream_reading{name="none"} NaN' in text.splitlines()
    assert 'typica_stream_reading{name="all"} +Inf' in text.splitlines()
    assert 'typica_stream_reading{name="no"} -Inf' in text.splitlines()
