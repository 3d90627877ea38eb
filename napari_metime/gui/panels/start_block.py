"""The first minute: the ways to a section."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_metime.gui.arriving.recent import recent_files
from napari_metime.gui.panels.step_panel import looking, restyle, wrapped
from napari_metime.gui.projects.autosave import Unfinished, latest_autosave
from napari_metime.gui.running.bench import Bench
from napari_metime.gui.widgets.rows import ElidingButton

DROP = "Or drop files anywhere in this window: imzML, cells, landmarks, transform, microscopy, recipe, project."
OPENS = "Sections, recipes and projects (*.imzML *.imzml *.ibd *.yaml *.yml *.metime);;All files (*)"
MAX_RECENT = 4
"""More stand in the menu. Our own choice."""


class StartBlock(QWidget):
    """Stands in the first step: whole before there is a section, two buttons after."""

    def __init__(self, bench: Bench, files_chosen: Any) -> None:
        super().__init__()
        looking(self, "body")
        self._bench, self._chosen = bench, files_chosen
        self._shown: tuple[object, ...] = ()
        self.drop = wrapped(DROP, "dim")
        self.choose, self.sample = QPushButton("Open…"), QPushButton("Try the sample section")
        self.choose.clicked.connect(self._on_choose)
        self.choose.setToolTip("Choose an .imzML, a recipe or a saved project")
        self.sample.setToolTip("A small simulated section with cells and microscopy, made on this computer")
        self.sample.clicked.connect(bench.arrivals.open_sample)
        self.go_on = ElidingButton()
        self.go_on.say("Go on")
        self.go_on.clicked.connect(self._on_go_on)
        self._unfinished: Unfinished | None = None
        self.recent = looking(QWidget(), "body")
        self._recent = QVBoxLayout(self.recent)
        self._recent.setContentsMargins(0, 0, 0, 0)
        self._recent.setSpacing(0)
        row = QHBoxLayout()
        row.setSpacing(6)
        row.addWidget(self.choose)
        row.addWidget(self.sample)
        row.addStretch(1)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(8)
        box.addLayout(row)
        for widget in (self.go_on, self.recent, self.drop):
            box.addWidget(widget)

    def show_ways(self, *, is_chosen: bool) -> None:
        """Show how to get a section: all ways before there is one, only buttons after."""
        self.choose.setText("Open another…" if is_chosen else "Open…")
        for button, look in ((self.choose, "second" if is_chosen else "primary"), (self.sample, "second")):
            restyle(button, "look", look)
        self.drop.setVisible(not is_chosen)
        if is_chosen:
            self.go_on.hide()
            self.recent.hide()
        else:
            self._show_former()

    def _show_former(self) -> None:
        """Show the work that was not saved, and the files that were opened last."""
        self._unfinished, paths = latest_autosave(), recent_files()[:MAX_RECENT]
        self.go_on.setVisible(self._unfinished is not None)
        self.recent.setVisible(bool(paths))
        found = (self._unfinished, paths)
        if found == self._shown:
            return
        self._shown = found
        if self._unfinished is not None:
            words = f"Go on with {self._unfinished.section}"
            self.go_on.say(words, f"{words}: {_about(self._unfinished)}")
        while (item := self._recent.takeAt(0)) is not None:
            item.widget().hide()
            item.widget().deleteLater()
        if paths:
            self._recent.addWidget(wrapped("Opened last:", "dim"))
        former: QPushButton = self.go_on
        for path in paths:
            link = self._link(path)
            self._recent.addWidget(link)
            QWidget.setTabOrder(former, link)
            former = link

    def _link(self, path: Path) -> QPushButton:
        button = ElidingButton()
        looking(button, "link")
        button.say(f"{path.name} in {path.parent.name}", str(path))
        button.clicked.connect(partial(self._chosen.emit, [path]))
        return button

    def _on_go_on(self) -> None:
        if self._unfinished is not None:
            self._bench.open_project(self._unfinished.path)

    def _on_choose(self) -> None:
        if paths := ask_for_files(self):
            self._chosen.emit(paths)


def ask_for_files(parent: QWidget) -> list[Path]:
    """Let a person choose a section, a recipe or a project; nothing where that is cancelled."""
    path, _ = QFileDialog.getOpenFileName(parent, "Open a section, a recipe or a project", "", OPENS)
    return [Path(path)] if path else []


def _about(found: Unfinished) -> str:
    """Say when work was kept, and what of it is done."""
    when = found.saved_at.astimezone()
    day = "today" if when.date() == datetime.now().astimezone().date() else f"on {when:%Y-%m-%d}"
    return f"not saved, kept {day} at {when:%H:%M}" + (f"; {', '.join(found.steps)}" if found.steps else "")
