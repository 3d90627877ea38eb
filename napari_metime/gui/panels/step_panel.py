"""What every step's panel has: a header with its state, and a body with settings, one button and the outcome."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_metime.gui.running.bench import Bench
from napari_metime.gui.running.words import (
    STEP_NAMES,
    in_one_line,
    in_sentences,
    in_the_window,
    look_of,
    needs_in_words,
    rerun_in_words,
    stale_in_words,
    state_in_words,
    warnings_of,
)
from napari_metime.gui.state.chain import STEPS, Step, number
from napari_metime.gui.widgets.forms import Form, Row
from napari_metime.gui.widgets.rows import Fold, in_a_row


def looking(widget: QWidget, look: str) -> QWidget:
    """Give a widget one of the looks of the style sheet."""
    widget.setProperty("look", look)
    return widget


def restyle(widget: QWidget, name: str, value: object) -> None:
    """Change a property that the style sheet reads, and repaint."""
    if widget.property(name) != value:
        widget.setProperty(name, value)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


class StepHeader(QPushButton):
    """Number, name, state and one line of result; a click opens the step."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        looking(self, "header")
        self.setAccessibleName(f"Step {number(step)}: {STEP_NAMES[step]}")
        self.number, self.name = QLabel(str(number(step))), QLabel(STEP_NAMES[step])
        self.state, self.line = QLabel(), QElidingLabel()
        for widget, look in ((self.number, "number"), (self.name, "name"), (self.state, "state"), (self.line, "dim")):
            looking(widget, look)
            widget.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.number.setFixedSize(20, 20)
        self.number.setAlignment(Qt.AlignmentFlag.AlignCenter)
        top = QHBoxLayout()
        top.setSpacing(8)
        for widget in (self.number, self.name):
            top.addWidget(widget)
        top.addStretch(1)
        top.addWidget(self.state)
        box = QVBoxLayout(self)
        box.setContentsMargins(10, 7, 10, 7)
        box.setSpacing(2)
        box.addLayout(top)
        below = QHBoxLayout()
        below.setContentsMargins(28, 0, 0, 0)
        below.addWidget(self.line)
        box.addLayout(below)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def show_state(self, look: str, words: str, line: str) -> None:
        """Show state and result."""
        self.state.setText(words)
        self.line.setText(line)
        self.line.setVisible(bool(line))
        self.setToolTip(line)
        self.setAccessibleDescription(". ".join(text for text in (words, line) if text))
        for widget in (self.number, self.state):
            restyle(widget, "state", look)
        self.layout().activate()
        self.setFixedHeight(self.layout().sizeHint().height())


class StepPanel(QFrame):
    """One step. Subclasses say what it does, name its button and list its settings."""

    step: ClassVar[Step]
    sentence: ClassVar[str]
    brings: ClassVar[str] = ""
    """What a person has to bring, where no other step gives it."""
    verb: ClassVar[str]
    rows: ClassVar[Sequence[Row]] = ()
    more_rows: ClassVar[Sequence[Row]] = ()
    more_folds: ClassVar[Sequence[tuple[str, Sequence[Row]]]] = ()
    """Further settings, each group under a heading of its own."""

    open_requested = Signal(str)

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        looking(self, "step")
        self.bench, self.session = bench, bench.session
        self.header = StepHeader(self.step)
        self.header.clicked.connect(lambda: self.open_requested.emit(self.step))
        self.body = looking(QWidget(), "body")
        self.forms: list[Form] = []
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(self.header)
        outer.addWidget(self.body)
        box = QVBoxLayout(self.body)
        box.setContentsMargins(10, 2, 10, 10)
        box.setSpacing(8)
        self._build_needs(box)
        self.build(box)
        self._build_more(box)
        self._build_buttons(box)
        self._build_outcome(box)
        self.set_open(False)

    def build(self, box: QVBoxLayout) -> None:
        """Add the settings that matter; subclasses add what is not a plain field."""
        self.add_form(box, self.rows)

    def add_form(self, box: QVBoxLayout, rows: Sequence[Row]) -> None:
        """Add a form over fields of the recipe."""
        if rows:
            self.forms.append(Form(self.session, rows))
            box.addWidget(self.forms[-1])

    def run(self) -> None:
        """Do what the primary button says."""
        self.bench.run(self.step)

    def can_run(self) -> bool:
        """Whether the primary button can be pressed."""
        return self.session.can_run(self.step)

    def empty_line(self) -> str:
        """What the header's second line says before there is a result."""
        return ""

    def set_open(self, is_open: bool) -> None:
        """Show or hide the body."""
        self.is_open = is_open
        self.body.setVisible(is_open)
        restyle(self, "open", is_open)

    def refresh(self) -> None:
        """Show the session as it is."""
        session, step = self.session, self.step
        state, value = session.state(step), session.value(step)
        line = self.line_of(value) if value is not None else self.empty_line()
        self.header.show_state(look_of(session, step), state_in_words(session, step), line)
        for form in self.forms:
            form.refresh()
        running = state == "running"
        self.progress_row.setVisible(running)
        self.button_row.setVisible(not running)
        if not running:
            self.bar.setRange(0, 0)
            self.bar.setFormat("")
            self.doing.setText("")
        self.primary.setEnabled(self.can_run() and session.running is None)
        self.primary.setText(self.verb if value is None else "Run again")
        self._show_needs()
        self._show_next(state == "done")
        self._show_outcome()

    def line_of(self, value: object) -> str:
        """Return the header's second line for a result."""
        return in_one_line(value)

    def show_progress(self, fraction: float, text: str) -> None:
        """Show how far the step is."""
        self.bar.setRange(0, 100)
        self.bar.setValue(int(100 * fraction))
        self.bar.setFormat(f"{int(100 * fraction)} %")
        self.doing.setText(text)
        self.doing.setToolTip(text)

    def _build_more(self, box: QVBoxLayout) -> None:
        if not self.more_rows:
            return
        form = Form(self.session, self.more_rows)
        self.forms.append(form)
        content: QWidget = form
        if self.more_folds:
            content = looking(QWidget(), "body")
            column = QVBoxLayout(content)
            column.setContentsMargins(0, 0, 0, 0)
            column.setSpacing(6)
            column.addWidget(form)
            for words, rows in self.more_folds:
                self.forms.append(Form(self.session, rows))
                column.addWidget(Fold(words, self.forms[-1]))
        self.more = Fold("More settings", content)
        box.addWidget(self.more)

    def _build_needs(self, box: QVBoxLayout) -> None:
        self.about, self.stale = wrapped(self.sentence, "dim"), wrapped("", "warning")
        self.go_to = QPushButton("Go to step")
        looking(self.go_to, "link")
        self.go_to.clicked.connect(lambda: self.open_requested.emit(self.session.waits_for(self.step)[0]))
        box.addWidget(self.about)
        box.addWidget(self.go_to, 0, Qt.AlignmentFlag.AlignLeft)
        box.addWidget(self.stale)

    def _show_needs(self) -> None:
        waits = self.session.waits_for(self.step)
        is_told = bool(waits) or self.session.value(self.step) is None
        needs = needs_in_words(self.session, self.step) or self.brings
        self.about.setText(f"{self.sentence} {needs}".strip() if is_told else self.sentence)
        self.go_to.setVisible(bool(waits))
        if waits:
            self.go_to.setText(f"Go to step {number(waits[0])}, {STEP_NAMES[waits[0]]}")

    def _build_buttons(self, box: QVBoxLayout) -> None:
        self.primary = QPushButton(self.verb)
        self.primary.clicked.connect(self.run)
        self.next = QPushButton("Next")
        after = STEPS[number(self.step)] if number(self.step) < len(STEPS) else None
        self.has_next = after is not None
        if after is not None:
            self.next.setText(f"Next: {STEP_NAMES[after]}")
            self.next.clicked.connect(lambda: self.open_requested.emit(after))
        self.button_row = in_a_row(self.primary, self.next)
        self.bar, self.cancel = QProgressBar(), QPushButton("Cancel")
        self.cancel.clicked.connect(self.bench.cancel)
        self.bar.setAccessibleName(f"Progress of {STEP_NAMES[self.step]}")
        self.doing = QElidingLabel()
        looking(self.doing, "dim")
        self.progress_row = looking(QWidget(), "body")
        column = QVBoxLayout(self.progress_row)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(in_a_row(self.bar, self.cancel, stretch_first=True))
        column.addWidget(self.doing)
        self.effect = wrapped("", "dim")
        for widget in (self.effect, self.button_row, self.progress_row):
            box.addWidget(widget)

    def _build_outcome(self, box: QVBoxLayout) -> None:
        self.error, self.result, self.warnings = wrapped("", "error"), wrapped("", "plain"), wrapped("", "warning")
        for widget in (self.error, self.warnings, self.result):
            box.addWidget(widget)
            say(widget, "")
        self._told: object = None

    def _show_next(self, done: bool) -> None:
        has_next = done and self.has_next
        self.next.setVisible(has_next)
        restyle(self.next, "look", "primary")
        restyle(self.primary, "look", "second" if has_next else "primary")

    def _show_outcome(self) -> None:
        session, step = self.session, self.step
        value = session.value(step)
        error = session.error(step)
        say(self.error, f"✕ {in_the_window(error)}" if error else "")
        say(self.stale, stale_in_words(session, step))
        say(self.effect, rerun_in_words(session, step))
        if value is not self._told:  # of one result it is always the same, and takes a while to put together
            self._told = value
            told = () if value is None else in_sentences(value)
            say(self.result, "\n\n".join(in_the_window(text) for text in told))
            warned = () if value is None else warnings_of(value)
            say(self.warnings, "\n".join(f"! {in_the_window(text)}" for text in warned))


def wrapped(text: str, look: str) -> QLabel:
    """Return a label that wraps, and whose text can be copied."""
    label = QLabel(text)
    looking(label, look)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setMinimumWidth(40)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return label


def say(label: QLabel, text: str) -> None:
    """Show a text; an empty one takes its label away."""
    label.setText(text)
    label.setVisible(bool(text))
