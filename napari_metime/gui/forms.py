"""Forms made from the fields of the recipe: defaults, ranges and help exist there, once.

An editor writes straight into the session's unfinished recipe; nothing is kept in the widgets.
What cannot be read as the field's type is kept as it was typed, so that running the step says
what is wrong in the same words as a recipe with that value.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from types import NoneType
from typing import Any, Literal, Protocol

import numpy as np
from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo
from qtpy.QtCore import QEvent, QLocale, QObject, QSignalBlocker, Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QWidget,
)

from napari_metime.gui.session import Session
from napari_metime.recipe import Recipe

UNITS = {"um": "µm", "ppm": "ppm"}
LABEL_WIDTH = 108
DECIMALS = 12
MAX_INT = 2**31 - 1
"""The most that Qt's box of whole numbers can hold."""


class Row(typing.NamedTuple):
    """A row of a form: a field of the recipe and how it is shown.

    ``choices`` replaces free text by a list of (words, value); ``empty`` is shown where a value may
    be left out.
    """

    section: str
    key: str
    label: str
    empty: str = ""
    choices: Sequence[tuple[str, Any]] = ()
    files: str = ""


class Editor(Protocol):
    """A widget that shows one value."""

    def widget(self) -> QWidget: ...
    def show(self, value: Any) -> None: ...


class Form(QWidget):
    """Rows of label and editor over the values of a session."""

    def __init__(
        self, session: Session, rows: Sequence[Row], put: Callable[[str, str, Any], None] | None = None
    ) -> None:
        super().__init__()
        self.setProperty("look", "body")
        self._session, self._put = session, put or session.put
        self.editors: dict[tuple[str, str], Editor] = {}
        self._lines: dict[tuple[str, str], tuple[QWidget, QWidget]] = {}
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(6)
        grid.setColumnMinimumWidth(0, LABEL_WIDTH)
        grid.setColumnStretch(1, 1)
        for row in rows:
            self._add(grid, row)
        self.refresh()

    def refresh(self) -> None:
        """Show the session's values."""
        for (section, key), editor in self.editors.items():
            editor.show(self._session.get(section, key))

    def set_row_visible(self, section: str, key: str, is_visible: bool) -> None:
        """Show or hide a row."""
        for widget in self._lines[section, key]:
            widget.setVisible(is_visible)

    def _add(self, grid: QGridLayout, row: Row) -> None:
        field = field_of(row.section, row.key)
        editor = _editor(row, field, lambda value: self._put(row.section, row.key, value))
        widget, label, line = editor.widget(), QLabel(row.label), grid.rowCount()
        for each in (widget, label):
            each.setToolTip(field.description or "")
        label.setBuddy(widget)
        widget.setAccessibleName(row.label)
        grid.addWidget(label, line, 0)
        grid.addWidget(widget, line, 1)
        self.editors[row.section, row.key] = editor
        self._lines[row.section, row.key] = (label, widget)


def field_of(section: str, key: str) -> FieldInfo:
    """Return the recipe's field; an empty key is the section itself."""
    field = Recipe.model_fields[section]
    if not key:
        return field
    models = [field.annotation, *typing.get_args(field.annotation)]
    model = next(m for m in models if hasattr(m, "model_fields"))
    found: FieldInfo = model.model_fields[key]
    return found


def _editor(row: Row, field: FieldInfo, put: Callable[[Any], None]) -> Editor:
    kind, optional = _without_none(field.annotation)
    if row.choices:
        return ChoiceEditor(row.choices, put, files=row.files)
    if typing.get_origin(kind) is Literal:
        named = [(str(value), value) for value in typing.get_args(kind)]
        return ChoiceEditor([(row.empty, None), *named] if optional else named, put)
    if kind is bool:
        return FlagEditor(put)
    if kind in (int, float) and not optional:
        return NumberEditor(kind, field, row.key, put)
    if kind is Path or row.files:
        return PathEditor(row.files, row.empty, put)
    read = _read_text if kind is str else _read_list if typing.get_origin(kind) is tuple else _read_number
    return TextEditor(row.empty, _unit(row.key), read, put)


def _without_none(annotation: Any) -> tuple[Any, bool]:
    kinds = typing.get_args(annotation)
    if typing.get_origin(annotation) is typing.Annotated:
        return _without_none(kinds[0])
    if NoneType not in kinds:
        return annotation, False
    rest = [kind for kind in kinds if kind is not NoneType]
    return (rest[0] if len(rest) == 1 else tuple(rest)), True


def _unit(key: str) -> str:
    return UNITS.get(key.rsplit("_", 1)[-1], "")


class ChoiceEditor:
    """One of a few values, or a file where ``files`` filters for some."""

    def __init__(self, choices: Sequence[tuple[str, Any]], put: Callable[[Any], None], *, files: str = "") -> None:
        self._files, self._put = files, put
        self._values: list[Any] = []
        self.box = QComboBox()
        self.box.setMinimumContentsLength(6)
        self.box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
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
        if unit := _unit(key):
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


class TextEditor:
    """A number, a list of numbers or a text that may be left empty."""

    def __init__(self, empty: str, unit: str, read: Callable[[str], Any], put: Callable[[Any], None]) -> None:
        self._read = read
        self._default: Any = "auto" if empty.startswith("auto") else None
        self.line = QLineEdit()
        self.line.setPlaceholderText(empty)
        self.line.textEdited.connect(lambda text: put(self._value(text)))
        self._whole = _with_unit(self.line, unit) if unit else self.line

    def widget(self) -> QWidget:
        """Return the line, with its unit."""
        return self._whole

    def stand_in(self, value: str) -> None:
        """Say what an empty line means."""
        self._default = value
        self.line.setPlaceholderText(value)

    def show(self, value: Any) -> None:
        """Show a value, but leave what is being typed alone."""
        if self._value(self.line.text()) != value:
            self.line.setText("" if value == self._default else _plain(value))

    def _value(self, text: str) -> Any:
        value = self._read(text.strip())
        return self._default if value is None else value


class PathEditor:
    """A file, typed or browsed for."""

    def __init__(self, files: str, empty: str, put: Callable[[Any], None]) -> None:
        self._files, self._put = files, put
        self._whole, self.line, button = QWidget(), QLineEdit(), QPushButton("…")
        self._whole.setProperty("look", "body")
        self.line.setPlaceholderText(empty)
        self.line.editingFinished.connect(self._on_edited)
        button.setAccessibleName("Browse")
        button.setToolTip("Browse for a file")
        button.clicked.connect(self._on_browse)
        box = QHBoxLayout(self._whole)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(4)
        box.addWidget(self.line, 1)
        box.addWidget(button)

    def widget(self) -> QWidget:
        """Return line and button."""
        return self._whole

    def show(self, value: Any) -> None:
        """Show a path by its name, whole in the tooltip."""
        text = "" if value is None else str(value)
        if text != self.line.text():
            self.line.setText(text)
        self.line.setToolTip(text)

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


def _read_text(text: str) -> str | None:
    return text or None


def _read_list(text: str) -> tuple[float | str, ...]:
    return tuple(_number_or_text(word) for word in text.replace(",", " ").replace(";", " ").split())


def _read_number(text: str) -> Any:
    """Read one number, or two as (y, x); None where there is nothing."""
    numbers = _read_list(text)
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


def _with_unit(line: QLineEdit, unit: str) -> QWidget:
    whole = QWidget()
    whole.setProperty("look", "body")
    box = QHBoxLayout(whole)
    box.setContentsMargins(0, 0, 0, 0)
    box.setSpacing(6)
    box.addWidget(line, 1)
    label = QLabel(unit)
    label.setProperty("look", "dim")
    box.addWidget(label)
    return whole


class PlainSpinBox(QDoubleSpinBox):
    """Shows 5, not 5.000, and every digit that a value has."""

    def __init__(self) -> None:
        super().__init__()
        self.setLocale(QLocale.c())  # what is shown is read back with the same decimal point

    def textFromValue(self, value: float) -> str:
        return np.format_float_positional(value, trim="-")


class _WheelFilter(QObject):
    """Lets the wheel scroll the dock instead of changing a value that it passes over."""

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if not isinstance(watched, QWidget) or event is None or event.type() != QEvent.Type.Wheel or watched.hasFocus():
            return False
        event.ignore()
        return True


def ignore_wheel(box: QWidget) -> None:
    """Change a value by the wheel only where it has the focus."""
    box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    box.installEventFilter(_WheelFilter(box))
