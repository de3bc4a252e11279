"""The report of a run: a page, its figures for a program, and the pictures by themselves."""

from __future__ import annotations

from pathlib import Path

from typica.core.files import replacing, write_json
from typica.evaluation import figures
from typica.evaluation.findings import Findings
from typica.evaluation.page import render

PAGE, DATA, CURVE = "report.html", "report.json", "learning-curve.png"


def write_report(findings: Findings, folder: Path) -> Path:
    """Write `report.html`, `report.json` and the pictures into a folder; return the page.

    Raises:
        MissingFeatureError: Matplotlib is not installed.
        DiskError: The files cannot be written.
    """
    figures.check_matplotlib()
    write_json(folder / DATA, findings.to_dict())
    for number, clip in enumerate(findings.samples, start=1):
        picture = figures.spectrogram(clip.audio, findings.rate)
        figures.write_png(picture, folder / f"spectrogram-{number}.png")
    if findings.curves.has_bits:
        figures.write_png(figures.learning_curve(findings), folder / CURVE)
    with replacing(folder / PAGE) as place:
        place.write_text(render(findings), encoding="utf-8")
    return folder / PAGE
