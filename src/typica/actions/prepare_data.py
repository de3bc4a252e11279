"""Preparing a folder of recordings, or a built-in corpus, for training."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from typica.core.errors import ConfigError, DataError, did_you_mean
from typica.core.progress import SILENT, Progress
from typica.data import corpora
from typica.data.corpus import Corpus
from typica.data.folder import FolderSource, Labels
from typica.data.layout import LayoutSource
from typica.data.prepare import prepare
from typica.data.source import Source
from typica.data.spans import DIVISIONS, Division


def prepare_data(
    what: str | Path,
    out: str | Path | None = None,
    *,
    rate: int = 16000,
    normalise: Literal["peak", "none"] = "peak",
    minimum_s: float | None = None,
    labels: Labels = "none",
    licence: str | None = None,
    split: Division | None = None,
    folder: str | Path | None = None,
    workers: int | None = None,
    progress: Progress = SILENT,
) -> Corpus:
    """Prepare a corpus from a folder of recordings, or a built-in one by its name.

    Args:
        what: A folder, or the name of a built-in corpus or of a published one.
        out: A folder, or a name among the prepared corpora; that of `what` if left out.
        rate: Sampling rate in hertz of the corpus.
        normalise: "peak" scales each recording to a peak of 0.99; "none" leaves levels alone.
        minimum_s: Seconds below which a recording is refused; as suits the corpus if left out.
        labels: "folders" takes the first folder on the way to a file for its class.
        licence: Of the recordings in a folder, to stand in the cards of what is trained on them.
        split: What is held out of a folder's recordings: whole "files" unless told otherwise,
            "spans" of time with guards, or overlapping "chunks", which leak.
        folder: Where a published corpus lies, or one that is not where its package puts it.
        workers: Processes that read; as many as there are processors if left out.
        progress: Hears how far it is.

    Raises:
        DataError: There is nothing to prepare, or nothing that can be used.
        ConfigError: A setting is out of range, or is not for a built-in corpus.
    """
    source = _source(what, labels, licence, split, folder)
    return prepare(
        source,
        out,
        rate=rate,
        normalise=normalise,
        minimum_s=minimum_s,
        workers=workers,
        progress=progress,
    )


def _source(
    what: str | Path,
    labels: Labels,
    licence: str | None,
    split: Division | None,
    place: str | Path | None,
) -> Source:
    if what in corpora.names():
        if licence or labels != "none":
            raise ConfigError(f"--licence and --labels are for folders; {what!r} has its own")
        if split is not None:
            raise ConfigError(f"--split is for folders; {what!r} has its own splits")
        return _built_in(corpora.find(str(what)), place)
    if place is not None:
        hint = did_you_mean(str(what), corpora.names())
        raise ConfigError(
            f"--from is for a published corpus by its name, not {str(what)!r}: {hint}"
        )
    if labels not in ("none", "folders"):
        raise ConfigError(f"--labels must be none or folders, got {labels!r}")
    if split not in (None, *DIVISIONS):
        raise ConfigError(f"--split must be files, spans or chunks, got {split!r}")
    folder = Path(what).expanduser()
    if not folder.exists() and folder.name == str(what):
        hint = did_you_mean(str(what), corpora.names())
        raise DataError(f"there is no folder {str(what)!r} here, and no such corpus: {hint}")
    return FolderSource(folder, licence or "unknown", labels, split or "files")


def _built_in(kind: type[Source], place: str | Path | None) -> Source:
    if place is None:
        return kind()
    if not issubclass(kind, LayoutSource):
        raise ConfigError(f"{kind.name} is read from no folder: leave --from out")
    return kind(Path(place))
