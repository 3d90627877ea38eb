"""The m/z-sorted index of the open file: looked for, built in the background, cancelled."""

from __future__ import annotations

from typing import Literal

from qtpy.compat import isalive
from qtpy.QtCore import QObject, Signal

from napari_metime.gui.running.words import file_size
from napari_metime.gui.running.worker import Job, Outcome, Runner
from napari_metime.gui.state.session import Session
from napari_metime.ims import Index, build_index, find_index
from napari_metime.ims.index_format import column_dtype, is_channel_major, point_dtypes
from napari_metime.section import Dataset

IndexState = Literal["none", "building", "ready"]


class Indexing(QObject):
    """Builds the index beside the steps; as soon as it is there, ion images come from it."""

    changed = Signal()
    progressed = Signal(float, str)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._runner = Runner("napari-metime index")
        self._runner.progressed.connect(self._on_progress)
        self._job: Job | None = None
        self._source: tuple[object, ...] = ()
        self.state: IndexState = "none"
        self.index: Index | None = None
        self.error = ""

    @property
    def can_build(self) -> bool:
        """Whether a file is open whose index can be built."""
        return self.state == "none" and self._session.value("data") is not None

    def state_in_words(self, fraction: float = 0.0) -> str:
        """Say the state in a word or two; empty before a file is open."""
        if self._session.value("data") is None:
            return ""
        words = {"none": "no index", "building": f"indexing {int(100 * fraction)} %", "ready": "✓ indexed"}
        return words[self.state]

    def in_words(self) -> str:
        """Say what there is, and what building would give and take."""
        opened = self._session.value("data")
        if self.state == "ready":
            return "✓ Indexed: ion images come from the index."
        if opened is None or self.state == "building":
            return ""
        size = file_size(index_bytes(opened.dataset))
        return f"An index gives each ion image at once, however large the file; it takes about {size} beside it."

    def look_for(self, dataset: Dataset) -> None:
        """Take the index of a dataset that has just been opened, where there is one; one in the making goes on."""
        if self.state == "building" and self._source == _source_of(dataset):
            return
        self._forget()
        self._job = self._runner.start(lambda _: find_index(dataset), self._land)
        self.changed.emit()

    def build(self) -> None:
        """Build the index of the open file."""
        opened = self._session.value("data")
        if opened is None or not self.can_build:
            return
        dataset: Dataset = opened.dataset
        self.state, self.error, self._source = "building", "", _source_of(dataset)
        self._job = self._runner.start(lambda on_progress: build_index(dataset, on_progress=on_progress), self._built)
        self.changed.emit()

    def cancel(self) -> None:
        """Stop building; nothing of it is left."""
        self._runner.cancel()
        if self.state == "building":
            self.state = "none"
            self._session.tell("index: cancelled")
        self.changed.emit()

    def restart(self) -> None:
        """Start over for another file."""
        self._runner.cancel()
        self._forget()
        self.changed.emit()

    def close(self) -> None:
        """Stop and wait until no thread is left."""
        # Where the program ends with its window open, Qt takes objects away in any order.
        if isalive(self):  # type: ignore[no-untyped-call]
            self.cancel()
        self._runner.close()

    def _forget(self) -> None:
        self.state, self.index, self.error = "none", None, ""

    def _built(self, outcome: Outcome) -> None:
        """Take what was built as any other; the file may meanwhile have been read with other settings."""
        self.state = "none"
        opened = self._session.value("data")
        if outcome.kind == "done" and opened is not None:
            self.look_for(opened.dataset)
        else:
            self._land(outcome)

    def _land(self, outcome: Outcome) -> None:
        if outcome.kind == "done" and outcome.value is not None:
            self.state, self.index = "ready", outcome.value
            self._session.tell(f"index: {self.index.folder}")
        elif outcome.problem:
            self.error = outcome.problem
            self._session.tell(f"index: {self.error}")
        self.changed.emit()

    def _on_progress(self, job: Job, fraction: float, text: str) -> None:
        if job is self._job and self.state == "building":
            self.progressed.emit(fraction, text)


def _source_of(dataset: Dataset) -> tuple[object, ...]:
    return dataset.path, dataset.ibd_stamp


def index_bytes(dataset: Dataset) -> int:
    """Return about how large the index of a dataset is on disk."""
    if is_channel_major(dataset):
        return dataset.n_points * column_dtype(dataset.intensity_dtype).itemsize
    return dataset.n_points * sum(dtype.itemsize for dtype in point_dtypes(dataset).values())
