import builtins
import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
import torch

from typica.core.errors import MissingFeatureError
from typica.evaluation.bits import Bits, Mean
from typica.evaluation.curves import Curve, Curves
from typica.evaluation.figures import learning_curve, to_svg
from typica.evaluation.findings import Findings, clips
from typica.evaluation.page import render
from typica.evaluation.pricing import Likelihood
from typica.evaluation.report import write_report

RATE = 8000


def priced(name, value, measure="8-bit mu-law levels"):
    bits = Bits(name, measure)
    for number, offset in enumerate((-0.1, 0.0, 0.1)):
        bits.add(f"song {number}.wav", 1000, 1000 * (value + offset))
    return bits


def sound(hertz):
    time = torch.arange(2 * RATE) / RATE
    return 0.5 * torch.sin(2 * math.pi * hertz * time * (1 + 0.2 * time))[None]


@pytest.fixture(scope="module")
def findings():
    likelihood = Likelihood(
        model=priced("model", 4.1),
        baselines=[
            priced("uniform", 8.0),
            priced("first-order Markov", 5.4),
            priced("linear prediction", 4.9),
            priced("linear prediction, adaptive scale", 4.6),
        ],
        apart=[priced("FLAC", 9.5, "16-bit linear PCM levels")],
        gap=Mean(0.1, 0.05),
    )
    return Findings(
        name="my <album>",
        rate=RATE,
        split="test",
        likelihood=likelihood,
        curves=Curves(
            Curve(list(range(10, 510, 10)), [4 + 4 / n for n in range(1, 51)]),
            Curve([100, 300, 500], [4.9, 4.4, 4.1]),
            steps=500,
            seconds=120.0,
        ),
        samples=clips("Sample", [sound(220), sound(330)], RATE),
        recordings=clips("Recording", [sound(200), sound(300)], RATE),
        facts={"licence of the data": "CC0 & more"},
        commands={"Make music": "typica sample 'my <album>' -o out/"},
    )


@pytest.fixture(scope="module")
def page(findings):
    return render(findings)


class Reader(HTMLParser):
    """Counts what a page is made of, and holds that every element is closed."""

    VOID = {"meta", "br", "image", "use", "path", "rect"}

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.sources, self.ids = [], [], [], []

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.seen.append((tag, values))
        if "id" in values:
            self.ids.append(values["id"])
        self.sources += [values[key] for key in ("src", "href", "xlink:href") if key in values]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag


@pytest.fixture(scope="module")
def read(page):
    reader = Reader()
    reader.feed(page)
    return reader


def test_every_element_is_closed_and_no_name_is_used_twice(read):
    assert read.open == []
    assert len(set(read.ids)) == len(read.ids)


def test_the_page_needs_nothing_from_anywhere_else(page, read):
    assert all(source.startswith(("data:", "#")) for source in read.sources)
    assert not re.search(r"<script|<link|@import|url\((?!#)", page)
    assert sum(source.startswith("data:audio/wav;base64,") for source in read.sources) == 3


def test_every_sound_and_picture_has_a_name_for_those_who_do_not_see(read):
    named = [values for tag, values in read.seen if tag in ("audio", "svg")]

    assert len(named) == 3 + 3 + 1
    assert all(values.get("aria-label") for values in named)
    assert ("html", {"lang": "en"}) in read.seen


def test_the_page_names_verdict_bits_and_base_measure(page):
    assert '<p class="word">healthy</p>' in page
    assert "8-bit mu-law levels" in page
    assert "Under another base measure, so not to be compared" in page
    assert "CC0 &amp; more" in page
    assert "typica sample &#x27;my &lt;album&gt;&#x27; -o out/" in page
    assert "my <album>" not in page


def test_prices_are_listed_from_the_least_and_bars_are_as_long_as_they(page):
    rows = re.findall(r'<tr class="(?:ours)?"><th scope="row">([^<]*)</th><td><div class="bar" '
                      r'style="width:([\d.]+)%">', page)  # fmt: skip

    assert rows[0] == ("model", "51.2")
    assert rows[-1] == ("uniform", "100.0")
    assert len(rows) == 5


def test_pictures_take_their_colours_from_the_page(findings):
    svg = to_svg(learning_curve(findings), "Learning curve")

    assert "currentColor" in svg
    assert "var(--model)" in svg
    assert "width=" not in svg.split(">")[0]
    for label in ("first-order Markov", "linear prediction", "adaptive scale"):
        assert f">{label}" in svg
    assert ">uniform" not in svg


def test_the_json_holds_the_figures_of_the_page(findings, tmp_path):
    page = write_report(findings, tmp_path / "report")

    told = json.loads((page.parent / "report.json").read_text())
    assert told["verdict"]["word"] == "healthy"
    assert told["bits_per_sample"]["bits"] == pytest.approx(4.1)
    assert told["base_measure"] == "8-bit mu-law levels"
    assert told["saved_bits"]["first-order Markov"]["value"] == pytest.approx(1.3)
    assert told["bits_per_sample"]["recordings"]["song 0.wav"] == pytest.approx(4.0)
    assert told["health"]["samples"]["silence"] == 0
    assert {path.name for path in page.parent.iterdir()} == {
        "report.html",
        "report.json",
        "learning-curve.png",
        "spectrogram-1.png",
        "spectrogram-2.png",
    }


def test_a_run_without_density_log_or_samples_still_has_a_page(findings):
    bare = replace(
        findings, likelihood=Likelihood(None), curves=Curves(Curve([], []), Curve([], []), 0, 0.0)
    )

    page = render(replace(bare, samples=[]))

    assert "This model has no density" in page
    assert "Learning curve" not in page
    assert "Health of the samples" not in page


def test_a_lower_bound_is_called_one(findings):
    bound = findings.likelihood._replace(density="lower bound")

    assert "at most 4.10" in render(replace(findings, likelihood=bound))


def test_silent_samples_leave_gaps_and_no_errors(findings):
    silent = clips("Sample", [torch.zeros(1, RATE)], RATE)

    page = render(replace(findings, samples=silent))

    assert '<p class="word">trapped</p>' in page
    assert "1 of 1 samples go silent" in page


def test_without_matplotlib_the_message_names_the_extra(findings, tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *arguments):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", without)

    with pytest.raises(MissingFeatureError, match=r"pip install 'typica\[plot\]'"):
        write_report(findings, tmp_path / "report")
    assert not (tmp_path / "report").exists()
