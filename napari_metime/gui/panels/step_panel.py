"""What every step's panel has: a header with its state, and a body with settings, one button and the answer."""

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
from napari_metime.gui.running.control_words import error_in_words, in_the_step, in_the_window
from napari_metime.gui.running.words import (
    STEP_NAMES,
    cancelled_in_words,
    in_one_line,
    in_sentences,
    look_of,
    needs_in_words,
    notes_of,
    rerun_in_words,
    root_of,
    stale_in_words,
    state_in_words,
    warnings_of,
)
from napari_metime.gui.state.chain import STEPS, Step, number
from napari_metime.gui.widgets.forms import Form, Row
from napari_metime.gui.widgets.rows import Fold, Settings, in_a_row
from napari_metime.gui.widgets.tab_order import order_tab_by_sight

SPACING = 8
"""Between the parts of a body, in px of the screen."""


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

    def __init__(self, step: Step, about: str) -> None:
        super().__init__()
        looking(self, "header")
        self._about = about
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
        self.setToolTip(f"{line}\n{self._about}".strip())
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
    tells_much: ClassVar[bool] = False
    """Whether the answer is so long that the buttons stand above it."""

    open_requested = Signal(str)
    cancel_requested = Signal()

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        looking(self, "step")
        self.bench, self.session = bench, bench.session
        self.header = StepHeader(self.step, self.sentence)
        self.header.clicked.connect(lambda: self.open_requested.emit(self.step))
        self.body = looking(QWidget(), "body")
        self.forms: list[Form] = []
        self._lined: object = None
        self._line = ""
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(self.header)
        outer.addWidget(self.body)
        whole = QVBoxLayout(self.body)
        whole.setContentsMargins(10, 2, 10, 10)
        whole.setSpacing(SPACING)
        self._build_needs(whole)
        self._parts = QVBoxLayout()
        self._parts.setSpacing(SPACING)
        whole.addLayout(self._parts)
        (content, settings), (self.answer, answer) = _column(), _column()
        self.build(settings)
        self._build_more(settings)
        self.settings = Settings(content, STEP_NAMES[self.step])
        self._build_buttons()
        self.build_answer(answer)
        self._is_answered = True
        self._place(is_answered=False)
        self.build_after(whole)
        self.set_open(False)

    def build(self, box: QVBoxLayout) -> None:
        """Add the settings that matter; subclasses add what is not a plain field."""
        self.add_form(box, self.rows)

    def build_after(self, box: QVBoxLayout) -> None:
        """Add what can be done with the result, below all else."""

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

    def asks(self) -> bool:
        """Whether one of the settings has to be chosen before anything else."""
        return False

    def settings_in_words(self) -> str:
        """Say in one line what the settings that matter are."""
        return " · ".join(self.forms[0].in_words()) if self.forms else ""

    def set_open(self, is_open: bool) -> None:
        """Show or hide the body."""
        self.is_open = is_open
        if not is_open:
            self.settings.fold(self._is_answered)
        self._arrange(self.session.state(self.step), self.session.value(self.step))
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
        self._show_next(state == "done")
        self._arrange(state, value)
        self._show_needs()
        self._show_outcome()

    def _arrange(self, state: str, value: object) -> None:
        """Let the answer of a step that is done stand first, its settings in a line below; else these come first.

        Nothing moves while the step runs, or while somebody changes a setting: it would move away below the mouse.
        """
        is_answered = state == "done" and not self.asks()
        is_busy = state == "running" or (self.settings.is_changing and value is self._told)
        if not is_busy:
            if is_answered != self._is_answered:
                self._place(is_answered=is_answered)
            self.settings.fold(is_answered)

    def settle(self) -> None:
        """Say what follows from the controls as they stand now: the settings in a line, what another run would do."""
        self.settings.say(self.settings_in_words())
        say(self.effect, "" if self.primary.isHidden() else rerun_in_words(self.session, self.step))

    def _place(self, *, is_answered: bool) -> None:
        self._is_answered = is_answered
        buttons = (self.button_row, self.progress_row, self.effect)
        if not is_answered:
            parts: tuple[QWidget, ...] = (self.settings, *buttons, self.answer)
        elif self.tells_much:
            parts = (*buttons, self.answer, self.settings)
        else:
            parts = (self.answer, *buttons, self.settings)
        for widget in (*parts, self.notes):
            self._parts.removeWidget(widget)
            self._parts.addWidget(widget)
        order_tab_by_sight(self)

    def line_of(self, value: object) -> str:
        """Return the header's second line for a result; of one result it is always the same."""
        if value is not self._lined:
            self._lined, self._line = value, in_one_line(value)
        return self._line

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
        self.error = wrapped("", "error")
        say(self.error, "")
        self.about, self.stale = wrapped(self.sentence, "dim"), wrapped("", "warning")
        self.go_to = QPushButton("Go to step")
        looking(self.go_to, "link")
        self.go_to.clicked.connect(lambda: self.open_requested.emit(root_of(self.session, self.step)))
        box.addWidget(self.error)  # first, and so in sight wherever the settings end
        box.addWidget(self.about)
        box.addWidget(self.go_to, 0, Qt.AlignmentFlag.AlignLeft)
        box.addWidget(self.stale)

    def _show_needs(self) -> None:
        waits = self.session.waits_for(self.step)
        is_told = bool(waits) or self.session.value(self.step) is None
        self.about.setVisible(not self._is_answered)  # who has the answer knows what the step does
        needs = needs_in_words(self.session, self.step) or self.brings
        self.about.setText(f"{self.sentence} {needs}".strip() if is_told else self.sentence)
        self.go_to.setVisible(bool(waits))
        if waits:
            root = root_of(self.session, self.step)
            self.go_to.setText(f"Go to step {number(root)}, {STEP_NAMES[root]}")

    def _build_buttons(self) -> None:
        self.primary = QPushButton(self.verb)
        self.primary.clicked.connect(self.run)
        self.primary.setToolTip(f"{self.sentence} (Ctrl+Return)")
        self.next = QPushButton("Next")
        after = STEPS[number(self.step)] if number(self.step) < len(STEPS) else None
        self.has_next = after is not None
        if after is not None:
            self.next.setText(f"Next: {STEP_NAMES[after]}")
            self.next.clicked.connect(lambda: self.open_requested.emit(after))
        self.button_row = in_a_row(self.primary, self.next)
        self.bar, self.cancel = QProgressBar(), QPushButton("Cancel")
        self.cancel.clicked.connect(self.cancel_requested.emit)
        self.cancel.setToolTip("Stop; all stays as it was before (Esc)")
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

    def build_answer(self, box: QVBoxLayout) -> None:
        """Add what the step has to say; subclasses add what belongs to it."""
        self.cancelled, self.result = wrapped("", "plain"), wrapped("", "plain")
        self.warnings, self.notes = wrapped("", "warning"), wrapped("", "dim")
        for widget in (self.cancelled, self.result, self.warnings):
            box.addWidget(widget)
        for widget in (self.cancelled, self.result, self.warnings, self.notes):
            say(widget, "")
        self._told: object = None
        self._sentences = ""

    def _show_next(self, done: bool) -> None:
        has_next = done and self.has_next
        self.next.setVisible(has_next)
        restyle(self.next, "look", "primary")
        restyle(self.primary, "look", "second" if has_next else "primary")

    def say_cancelled(self) -> None:
        """Say that the run was stopped, until the next one."""
        say(self.cancelled, cancelled_in_words(self.session, self.step))
        self._show_outcome()

    def _show_outcome(self) -> None:
        session, step = self.session, self.step
        value = session.value(step)
        error = session.error(step)
        say(self.error, f"✕ {error_in_words(error, number(step))}" if error else "")
        for form in self.forms:
            form.mark_wrong(error)
        say(self.stale, "" if error else in_the_step(stale_in_words(session, step), number(step)))
        if session.running == step:
            say(self.cancelled, "")
        if value is not self._told:  # of one result it is always the same, and takes a while to put together
            self._told = value
            told = () if value is None else in_sentences(value)
            self._sentences = "\n\n".join(in_the_window(text) for text in told)
            warned = () if value is None else warnings_of(value)
            say(self.warnings, "\n".join(f"! {in_the_step(text, number(step))}" for text in warned))
            say(self.notes, "" if value is None else in_the_window(notes_of(value)))
        is_former = not session.is_current(step) and bool(self._sentences)
        say(self.result, f"Before the change:\n{self._sentences}" if is_former else self._sentences)
        restyle(self.result, "look", "dim" if is_former else "plain")
        lines = (self.cancelled, self.result, self.warnings)
        self.answer.setVisible(any(line.text() for line in lines))


def _column() -> tuple[QWidget, QVBoxLayout]:
    whole = looking(QWidget(), "body")
    box = QVBoxLayout(whole)
    box.setContentsMargins(0, 0, 0, 0)
    box.setSpacing(SPACING)
    return whole, box


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
