"""The head of the dock: the name of the section, its menu, Run all, and a question where one is open."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QHBoxLayout, QMenu, QPushButton, QVBoxLayout
from superqt import QElidingLabel

from napari_metime.gui import commands
from napari_metime.gui.arriving.recent import recent_files
from napari_metime.gui.panels.step_panel import looking, wrapped
from napari_metime.gui.running.control_words import error_in_words
from napari_metime.gui.widgets.rows import in_a_row

if TYPE_CHECKING:
    from napari_metime.gui.dock import StepperDock

WHAT = (
    "Finds immune-cold niches in a tumour section, tests them, and says which metabolites go with them: from an "
    "imzML and a table of cells, in seven steps."
)


class Head(QFrame):
    """Stands above the steps, always in sight."""

    def __init__(self, dock: StepperDock) -> None:
        super().__init__()
        looking(self, "head")
        self._dock, self._session, self._asking = dock, dock.session, dock.bench.asking
        self.title = QElidingLabel()
        self.title.setElideMode(Qt.TextElideMode.ElideMiddle)  # what sections of one series differ in comes last
        looking(self.title, "title")
        self.run_all = QPushButton("Run all")
        looking(self.run_all, "tight")
        self.run_all.setToolTip("Run every step that is not done, up to the niches")
        self.run_all.clicked.connect(lambda: commands.run_all(dock))
        self.cancel = QPushButton("Cancel")
        looking(self.cancel, "tight")
        self.cancel.setToolTip("Stop the step that runs; all stays as it was before (Esc)")
        self.cancel.clicked.connect(lambda: commands.cancel(dock))
        self.project = QPushButton("Project ▾")
        self.project.setAccessibleName("Project menu")
        self.project.setToolTip("Open, save, undo, close")
        self.project.setProperty("look", "menu")
        self.menu = QMenu(self.project)
        self.menu.aboutToShow.connect(self.fill_menu)
        self.project.setMenu(self.menu)
        self.what = wrapped(WHAT, "plain")
        self.question = QuestionStrip(self._answer)
        top = QHBoxLayout()
        top.setSpacing(6)
        top.addWidget(self.title, 1)
        top.addWidget(self.cancel)
        top.addWidget(self.run_all)
        top.addWidget(self.project)
        box = QVBoxLayout(self)
        box.setContentsMargins(10, 6, 10, 6)
        box.setSpacing(6)
        box.addLayout(top)
        box.addWidget(self.what)
        box.addWidget(self.question)
        self._asking.changed.connect(self.show_question)
        self.show_question()

    def refresh(self) -> None:
        """Show the session."""
        name = self._session.get("section", "id")
        self.title.setText(name or "No section yet")
        self.title.setToolTip(name or "")
        self.what.setVisible(self._session.get("ims", "path") is None)
        running = self._session.running
        is_elsewhere = running is not None and not self._dock.panels[running].is_open
        self.cancel.setVisible(is_elsewhere)  # the step that is open has its own
        self.run_all.setVisible(self._dock.can_run_all() and not is_elsewhere)
        self.run_all.setEnabled(running is None)
        self.layout().activate()  # the name takes the room of what is hidden at once

    def show_question(self) -> None:
        """Show the question that is open, if any, else what is to be told."""
        question, notice = self._asking.question, self._asking.notice
        self.question.setVisible(question is not None or bool(notice))
        if question is not None:
            self.question.show_words(question.words, question.yes, question.no)
        elif notice:
            self.question.show_words(error_in_words(notice), "OK")

    def fill_menu(self) -> None:
        """Offer what can be done now."""
        session, menu = self._session, self.menu
        has_section = session.get("ims", "path") is not None
        menu.clear()
        self._offer("Open…", commands.choose_file)
        recent = menu.addMenu("Open recent")
        paths = recent_files()
        for path in paths:
            action = recent.addAction(f"{path.name} in {path.parent.name}".replace("&", "&&"))
            action.setToolTip(str(path))
            action.triggered.connect(partial(self._dock.take_files, [path]))
        recent.menuAction().setEnabled(bool(paths))
        self._offer("Try the sample section", commands.try_sample)
        menu.addSeparator()
        is_saved = session.project is not None
        self._offer("Save project" if is_saved else "Save project…", commands.save_project, is_on=has_section)
        self._offer("Save as…", commands.save_project_as, is_on=is_saved)
        menu.addSeparator()
        for word, what, act in (("Undo", session.can_undo, commands.undo), ("Redo", session.can_redo, commands.redo)):
            self._offer(f"{word}: {what}" if what else word, act, is_on=bool(what))
        menu.addSeparator()
        self._offer("Copy methods text", commands.copy_methods_text, is_on=session.is_current("niches"))
        self._offer("Show spectrum and tables", commands.show_tables, is_on=has_section)
        self._offer("Close section", commands.close_section, is_on=has_section)

    def _offer(self, words: str, act: Callable[[StepperDock], None], *, is_on: bool = True) -> None:
        action = self.menu.addAction(words.replace("&", "&&"))
        action.setEnabled(is_on)
        action.triggered.connect(lambda: act(self._dock))

    def _answer(self, is_yes: bool) -> None:
        if self._asking.question is None:
            self._asking.tell("")
        else:
            self._asking.answer(is_yes=is_yes)


class QuestionStrip(QFrame):
    """Words and two buttons, or one below what is only told; nothing waits for them."""

    def __init__(self, answer: Callable[[bool], None]) -> None:
        super().__init__()
        looking(self, "question")
        self.words, self.yes, self.no = wrapped("", "plain"), QPushButton("Yes"), QPushButton("No")
        looking(self.no, "primary")
        self.yes.clicked.connect(lambda: answer(True))
        self.no.clicked.connect(lambda: answer(False))
        box = QVBoxLayout(self)
        box.setContentsMargins(10, 8, 10, 8)
        box.setSpacing(8)
        box.addWidget(self.words)
        box.addWidget(in_a_row(self.yes, self.no))

    def show_words(self, words: str, yes: str, no: str = "") -> None:
        """Show a question with what its buttons say; without a no it is a notice."""
        self.words.setText(words)
        self.yes.setText(yes)
        self.no.setText(no)
        self.no.setVisible(bool(no))
