"""The page on which the clips of an album are heard and chosen."""

from __future__ import annotations

import shlex
from pathlib import Path

from typica.actions.album.clips import kept_clips
from typica.actions.album.project import CLIPS, Project
from typica.evaluation.curation import place, read_curation
from typica.evaluation.curation_page import write_page


def write_curation_page(project: Project) -> Path:
    """Write the page of an album's clips."""
    clips = list(kept_clips(project.path / CLIPS))
    export = shlex.join(["typica", "album", str(project.path), "--export"])
    chosen = read_curation(project.path)
    return write_page(project.path, project.run, place(clips), chosen, export)
