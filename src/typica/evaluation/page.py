"""The page of a report: one HTML file that opens anywhere, without a network or a script."""

from __future__ import annotations

import base64
import io
from html import escape
from importlib import resources
from string import Template

from torch import Tensor

from typica.evaluation import figures
from typica.evaluation.baselines import FIT_S
from typica.evaluation.bits import Bits, Mean
from typica.evaluation.findings import Clip, Findings
from typica.evaluation.health import Health
from typica.evaluation.markup import (
    details,
    listed,
    number,
    prose,
    row,
    section,
    signed,
    table,
    with_error,
)

TEMPLATE = "report.html"

MEASURES = (
    # field of Health, what it is, how it is written
    ("level_db", "level, dB of full scale", "{:.1f}"),
    ("loudness_lufs", "loudness, LUFS", "{:.1f}"),
    ("peak", "peak, of full scale", "{:.2f}"),
    ("clipped", "clipped samples", "{:.2%}"),
    ("silence", "silent frames", "{:.0%}"),
    ("flatness", "spectral flatness", "{:.4f}"),
    ("periodicity", "periodicity", "{:.2f}"),
    ("voiced", "voiced frames", "{:.0%}"),
    ("pitch", "pitch, median, Hz", "{:.0f}"),
    ("pitch_low", "pitch, 5th percentile, Hz", "{:.0f}"),
    ("pitch_high", "pitch, 95th percentile, Hz", "{:.0f}"),
    ("repetition", "repetition", "{:.2f}"),
)
DEFINITIONS = {
    "silent frames": "frames of 20 ms whose level is under -60 dB.",
    "spectral flatness": "geometric over arithmetic mean of the power spectrum of sounding "
    "frames: 0 for a tone, 0.56 for white noise.",
    "periodicity": "peak of the normalised autocorrelation after its first fall to zero, at "
    "periods of 1 to 20 ms: 1 for a tone, about 0.15 for white noise.",
    "voiced frames, pitch": "frames in which YIN finds a period. It assumes one voice: of chords "
    "it finds a common period or the loudest note.",
    "repetition": "1 minus the least over the mean difference of log-mel spectra that lie a lag "
    "of at least 250 ms apart: 1 for a loop or a held sound.",
    "spectral distance": "root mean square over 40 mel bands of the difference of the mean "
    "log-mel spectra, in decibels; under “held out” it is that between two halves of the "
    "held-out excerpts.",
}


def render(findings: Findings) -> str:
    """Return the page."""
    template = resources.files("typica.evaluation").joinpath(TEMPLATE).read_text("utf-8")
    sections = [
        _verdict(findings),
        _samples(findings),
        _likelihood(findings),
        _codes(findings),
        _learning(findings),
        _health(findings),
        section("What was done", _facts(findings)),
        section("How to go on", _commands(findings)),
    ]
    return Template(template).substitute(name=escape(findings.name), sections="\n".join(sections))


def _verdict(findings: Findings) -> str:
    verdict = findings.verdict
    parts = [
        f'<p class="word">{verdict.word}</p>',
        f"<p>{prose(verdict.summary)}</p>",
        _headline(findings),
        listed(verdict.reasons),
        f"<h3>What to do next</h3>{listed(verdict.advice)}",
        f"<h3>Mind</h3>{listed(findings.notes)}" if findings.notes else "",
    ]
    return section("Verdict", "".join(parts), verdict.word)


def _headline(findings: Findings) -> str:
    """The two figures that one looks for first."""
    likelihood = findings.likelihood
    if likelihood.model is None:
        return ""
    bound = "at most " if likelihood.density == "lower bound" else ""
    shown = [
        (
            "held-out bits a sample",
            bound + with_error(likelihood.model.mean),
            likelihood.model.measure,
        )
    ]
    saved = likelihood.advantages()
    if saved:
        best = min(saved, key=lambda name: saved[name].value)
        shown.append(("saved against the best baseline", signed(saved[best]), best))
    cells = (
        f"<div><dt>{escape(what)}</dt><dd>{value}<small>{escape(note)}</small></dd></div>"
        for what, value, note in shown
    )
    return f'<dl class="headline">{"".join(cells)}</dl>'


def _samples(findings: Findings) -> str:
    if not findings.samples:
        return ""
    clips = "".join(_clip(clip, findings.rate) for clip in findings.samples)
    for clip in findings.recordings[:1]:
        clips += "<h3>Beside them, a held-out recording, as coarse as the model hears it</h3>"
        clips += _clip(clip, findings.rate)
    if findings.early:
        early = "".join(_clip(clip, findings.rate) for clip in findings.early)
        clips += details("Earlier in training", early)
    return section("Samples", clips)


def _clip(clip: Clip, rate: int) -> str:
    picture = figures.to_svg(figures.spectrogram(clip.audio, rate), f"Spectrogram of {clip.name}")
    sound = base64.b64encode(_wav(clip.audio, rate)).decode()
    return (
        f"<figure><figcaption>{escape(clip.name)}</figcaption>"
        f'<audio controls preload="metadata" aria-label="{escape(clip.name)}" '
        f'src="data:audio/wav;base64,{sound}"></audio>{picture}</figure>'
    )


def _wav(audio: Tensor, rate: int) -> bytes:
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, audio.clamp(-1, 1).T.numpy(), rate, format="WAV", subtype="PCM_16")
    return file.getvalue()


def _likelihood(findings: Findings) -> str:
    likelihood, model = findings.likelihood, findings.likelihood.model
    if model is None:
        words = "This model has no density: it can be listened to and measured, not scored."
        return section("Likelihood", f"<p>{words}</p>")
    saved = likelihood.advantages()
    prices = sorted([model, *likelihood.baselines], key=lambda one: one.mean.value)
    seconds = sum(model.samples) / findings.rate
    caption = (
        f"Bits a sample, of {model.measure}, on {seconds:.0f} s of "
        f"{len(model.by_recording())} recordings of the split “{findings.split}”, which was not "
        f"trained on. Less is better. What the model saves is taken on the same audio; ± is the "
        f"standard error over recordings. Baselines are fitted to at most {FIT_S / 60:.0f} minutes "
        f"of training recordings."
    )
    head = ("", _HIDDEN, "bits a sample", "model saves")
    prices_table = table(
        head, [_price(one, prices[-1], saved.get(one.name)) for one in prices], caption
    )
    notes = [_under_another(one) for one in likelihood.apart] + [*likelihood.notes]
    each = sorted(model.by_recording().items(), key=lambda pair: pair[1])
    rows = [row([escape(name), f"{bits:.3f}"]) for name, bits in each]
    more = details("Each recording", table(("recording", "bits a sample"), rows))
    quiet = "".join(f'<p class="quiet">{prose(note)}</p>' for note in notes)
    return section("Likelihood", prices_table + quiet + more)


def _price(bits: Bits, dearest: Bits, saved: Mean | None) -> str:
    width = 100 * bits.mean.value / dearest.mean.value
    bar = f'<div class="bar" style="width:{width:.1f}%"></div>'
    cells = [escape(bits.name), bar, with_error(bits.mean), signed(saved) if saved else ""]
    return row(cells, "" if saved else "ours")


def _under_another(bits: Bits) -> str:
    return (
        f"Under another base measure, so not to be compared with these: {bits.name} of the same "
        f"recordings as {bits.measure} takes {bits.mean.value:.2f} bits a sample."
    )


def _codes(findings: Findings) -> str:
    use = findings.codes
    if use is None:
        return ""
    rows = [
        row(["codes used", f"{use.used} of {use.codes}"]),
        row(["perplexity of their shares", f"{use.perplexity:.1f}"]),
        row(["bits a sample that codes cost, all as likely", f"{use.rate:.3f}"]),
        row(["bits a sample given the codes", f"{use.told:.3f}"]),
        row(["the same with zeros in place of codes", f"{use.untold:.3f}"]),
        row(["so the codes are worth to the decoder", f"{use.worth:.3f}"]),
    ]
    words = (
        "<p>On the same recordings as the likelihood. A perplexity far under the number of codes, "
        "or codes worth next to nothing, tell of a bottleneck that is not used. No decoder has "
        "learnt from zeros: one without codes would pay less than with zeros, and the worth may be "
        "more than what the codes cost.</p>"
    )
    return section("Codes", words + table(("", "held out"), rows))


def _learning(findings: Findings) -> str:
    if not findings.curves.has_bits:
        return ""
    words = (
        "<p>Training batches and held-out crops, always the same short ones, in the course of "
        "training; dashed, what the baselines pay in the table above.</p>"
    )
    picture = figures.to_svg(figures.learning_curve(findings), "Learning curve")
    return section("Learning curve", words + picture)


def _health(findings: Findings) -> str:
    if not findings.samples:
        return ""
    ours, real = findings.health, findings.expected_health
    rows = [
        row([escape(what), _figure(ours, name, form), _figure(real, name, form)])
        for name, what, form in MEASURES
    ]
    distances = (findings.distance_db, findings.expected_distance_db)
    rows.append(row(["spectral distance, dB", *(number(one, "{:.1f}") for one in distances)]))
    words = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in DEFINITIONS.items())
    more = details("What these mean", f'<dl class="facts">{words}</dl>')
    return section("Health of the samples", table(("", "samples", "held out"), rows) + more)


def _facts(findings: Findings) -> str:
    rows = (f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in findings.facts.items())
    return f'<dl class="facts">{"".join(rows)}</dl>'


def _commands(findings: Findings) -> str:
    return "".join(
        f'<p class="step">{escape(what)}</p><pre><code>{escape(command)}</code></pre>'
        for what, command in findings.commands.items()
    )


_HIDDEN = '<span class="unseen">chart</span>'


def _figure(health: Health, name: str, form: str) -> str:
    return number(getattr(health, name), form)
