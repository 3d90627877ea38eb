"""The fields of a form, one for each kind of value. Nothing is kept in the widgets: what they show is the session's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo
from qtpy.QtCore import QEvent, QObject, QSignalBlocker, Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_metime.gui.widgets.eliding_combo import ElidingCombo
from napari_metime.gui.widgets.lines import PathLine, PlainSpinBox, UnitLine

UNITS = {"um": "µm", "ppm": "ppm", "mm2": "per mm²"}
DECIMALS = 12
MAX_INT = 2**31 - 1
"""The most that Qt's box of whole numbers can hold."""


class Editor(Protocol):
    """A widget that shows one value."""

    def widget(self) -> QWidget: ...
    def show(self, value: Any) -> None: ...
    def in_words(self) -> str: ...


class ChoiceEditor:
    """One of a few values, or a file where ``files`` filters for some."""

    def __init__(self, choices: Sequence[tuple[str, Any]], put: Callable[[Any], None], *, files: str = "") -> None:
        self._files, self._put = files, put
        self._values: list[Any] = []
        self.box = ElidingCombo("", 6)
        self.offer(choices)
        self.box.activated.connect(self._on_activated)
        ignore_wheel(self.box)

    def offer(self, choices: Sequence[tuple[str, Any]]) -> None:
        """Change what can be chosen."""
        with QSignalBlocker(self.box):
            self.box.clear()
            self.box.addItems([words for words, _ in choices])
        self._values = [value for _, value in choices]
        if self._files:
            self.box.addItem("From a file…")

    def widget(self) -> QWidget:
        """Return the combo box."""
        return self.box

    def show(self, value: Any) -> None:
        """Show a value; one that is not on the list joins it under its file name."""
        if value not in self._values:
            self.box.insertItem(len(self._values), Path(str(value)).name)
            self._values.append(value)
        self._shown = value
        self.box.setCurrentIndex(self._values.index(value))

    def in_words(self) -> str:
        """Return what is chosen."""
        return self.box.currentText()

    def _on_activated(self, index: int) -> None:
        if index < len(self._values):
            self._put(self._values[index])
            return
        path, _ = QFileDialog.getOpenFileName(self.box, "Open", "", self._files)
        self._put(path) if path else self.show(self._shown)


class FlagEditor:
    """On or off."""

    def __init__(self, put: Callable[[Any], None]) -> None:
        self.box = QCheckBox()
        self.box.clicked.connect(lambda on: put(bool(on)))

    def widget(self) -> QWidget:
        """Return the check box."""
        return self.box

    def show(self, value: Any) -> None:
        """Show a value."""
        self.box.setChecked(bool(value))

    def in_words(self) -> str:
        """Return whether it is on."""
        return "yes" if self.box.isChecked() else "no"


class SeveralEditor:
    """Any of a few words, each with a box to tick."""

    def __init__(self, choices: Sequence[tuple[str, Any]], put: Callable[[Any], None]) -> None:
        self._put = put
        self._whole = QWidget()
        self._whole.setProperty("look", "body")
        self.boxes = {value: QCheckBox(words) for words, value in choices}
        column = QVBoxLayout(self._whole)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for box in self.boxes.values():
            box.clicked.connect(self._on_clicked)
            column.addWidget(box)
        self._whole.setFocusProxy(next(iter(self.boxes.values())))

    def widget(self) -> QWidget:
        """Return the boxes, one below the other."""
        return self._whole

    def show(self, value: Any) -> None:
        """Tick those of a tuple."""
        for word, box in self.boxes.items():
            box.setChecked(word in value)

    def in_words(self) -> str:
        """Return the words that are ticked."""
        return ", ".join(box.text() for box in self.boxes.values() if box.isChecked())

    def _on_clicked(self) -> None:
        self._put(tuple(word for word, box in self.boxes.items() if box.isChecked()))


class NumberEditor:
    """A number in the range of its field."""

    def __init__(self, kind: type, field: FieldInfo, key: str, put: Callable[[Any], None]) -> None:
        low, high = _range(field, 1 if kind is int else 10**-DECIMALS)
        self.box: QSpinBox | QDoubleSpinBox = QSpinBox() if kind is int and high <= MAX_INT else PlainSpinBox()
        if isinstance(self.box, QSpinBox):
            self.box.setRange(int(low), int(high))
        else:
            self.box.setDecimals(0 if kind is int else DECIMALS)
            self.box.setRange(low, high)
            if kind is float:
                self.box.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
        self.box.setGroupSeparatorShown(True)
        if unit := unit_of(key):
            self.box.setSuffix(f" {unit}")
        self.box.setKeyboardTracking(True)
        self.box.valueChanged.connect(lambda value: put(kind(value)))
        ignore_wheel(self.box)

    def widget(self) -> QWidget:
        """Return the spin box."""
        return self.box

    def show(self, value: Any) -> None:
        """Show a value."""
        if value != self.box.value():
            with QSignalBlocker(self.box):
                self.box.setValue(value)

    def in_words(self) -> str:
        """Return the number with its unit."""
        return self.box.text()


class TextEditor:
    """A number, a list of numbers or a text that may be left empty."""

    def __init__(self, empty: str, unit: str, read: Callable[[str], Any], put: Callable[[Any], None]) -> None:
        self._read, self._unit = read, unit
        self._default: Any = "auto" if empty.startswith("auto") else None
        self.line = UnitLine(unit) if unit else QLineEdit()
        self.line.setPlaceholderText(empty)
        self.line.textEdited.connect(lambda text: put(self._value(text)))

    def widget(self) -> QWidget:
        """Return the line, with its unit."""
        return self.line

    def hint(self, words: str) -> None:
        """Say what an empty line stands for here."""
        self.line.setPlaceholderText(words)

    def stand_in(self, value: str) -> None:
        """Say what an empty line means."""
        self._default = value
        self.line.setPlaceholderText(value)

    def show(self, value: Any) -> None:
        """Show a value, but leave what is being typed alone."""
        if self._value(self.line.text()) != value:
            self.line.setText("" if value == self._default else _plain(value))

    def in_words(self) -> str:
        """Return the text, or what an empty line stands for, with the unit."""
        text = self.line.text().strip()
        words = text or self.line.placeholderText()
        return f"{words} {self._unit}" if self._unit and words[-1:].isdigit() else words

    def _value(self, text: str) -> Any:
        value = self._read(text.strip())
        return self._default if value is None else value


class PathEditor:
    """A file, typed or browsed for."""

    def __init__(self, files: str, empty: str, put: Callable[[Any], None]) -> None:
        self._files, self._put = files, put
        self._whole, self.line, self.browse = QWidget(), PathLine(), QPushButton("…")
        self._whole.setProperty("look", "body")
        self._whole.setFocusProxy(self.line)
        self.line.setPlaceholderText(empty)
        self.line.editingFinished.connect(self._on_edited)
        self.browse.setProperty("look", "tight")
        self.browse.setToolTip("Browse for a file")
        self.browse.setAccessibleName("Browse…")
        self.browse.clicked.connect(self._on_browse)
        box = QHBoxLayout(self._whole)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(4)
        box.addWidget(self.line, 1)
        box.addWidget(self.browse)

    def widget(self) -> QWidget:
        """Return line and button."""
        return self._whole

    def show(self, value: Any) -> None:
        """Show a path by its name, whole in the tooltip."""
        text = "" if value is None else str(value)
        if text != self.line.text():
            self.line.setText(text)
        self.line.setToolTip(text)

    def in_words(self) -> str:
        """Return the name of the file, or what stands for none."""
        return Path(self.line.text()).name or self.line.placeholderText()

    def _on_edited(self) -> None:
        if self.line.isModified():  # leaving the field is no choice
            self.line.setModified(False)
            self._put(as_path(self.line.text()))

    def _on_browse(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self._whole, "Open", "", self._files)
        if path:
            self._put(Path(path))


def as_path(text: str) -> Path | None:
    """Return the path of a typed text, absolute; None where it is empty."""
    return Path(text.strip()).expanduser().absolute() if text.strip() else None


def unit_of(key: str) -> str:
    """Return the unit that the name of a key carries; empty where it has none."""
    return UNITS.get(key.rsplit("_", 1)[-1], "")


def read_text(text: str) -> str | None:
    """Read a text; None where there is nothing."""
    return text or None


def read_names(text: str) -> tuple[str, ...]:
    """Read names that may have spaces in them, with commas between."""
    return tuple(word.strip() for word in text.replace(";", ",").split(",") if word.strip())


def read_list(text: str) -> tuple[float | str, ...]:
    """Read numbers; what is none stays text, to be told."""
    return tuple(_number_or_text(word) for word in text.replace(",", " ").replace(";", " ").split())


def read_number(text: str) -> Any:
    """Read one number, or two as (y, x); None where there is nothing."""
    numbers = read_list(text)
    if len(numbers) == 2 and not any(isinstance(n, str) for n in numbers):
        return numbers
    return _number_or_text(text) if text else None


def _number_or_text(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _plain(value: Any) -> str:
    if isinstance(value, tuple | list):
        return ", ".join(_plain(v) for v in value)
    return f"{value:.10g}" if isinstance(value, float | int) else str(value)


def _range(field: FieldInfo, smallest: float) -> tuple[float, float]:
    low, high = 0.0, 1e6
    for limit in field.metadata:
        if isinstance(limit, Ge):
            low = limit.ge  # type: ignore[assignment]
        elif isinstance(limit, Gt):
            low = limit.gt + smallest  # type: ignore[operator]
        elif isinstance(limit, Le):
            high = limit.le  # type: ignore[assignment]
        elif isinstance(limit, Lt):
            high = limit.lt - smallest  # type: ignore[operator]
    return low, high


class _WheelFilter(QObject):
    """Lets the wheel scroll the dock instead of changing a value that it passes over."""

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if not isinstance(watched, QWidget) or event is None or event.type() != QEvent.Type.Wheel or watched.hasFocus():
            return False
        event.ignore()
        return True


def name_control(label: QLabel, widget: QWidget) -> None:
    """Give a control the words beside it: for screen readers, and for who clicks on them."""
    label.setBuddy(widget)
    words = label.text()
    (widget.focusProxy() or widget).setAccessibleName(words)
    for button in widget.findChildren(QPushButton):
        button.setAccessibleName(f"{button.text().rstrip('…')} for {words}")
    for box in widget.findChildren(QCheckBox):
        box.setAccessibleName(f"{words}: {box.text()}")


def ignore_wheel(box: QWidget) -> None:
    """Change a value by the wheel only where it has the focus."""
    box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    box.installEventFilter(_WheelFilter(box))
