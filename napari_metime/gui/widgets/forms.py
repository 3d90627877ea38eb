"""Forms made from the fields of the recipe: defaults, ranges and help exist there, once.

An editor writes straight into the session's unfinished recipe; nothing is kept in the widgets.
What cannot be read as the field's type is kept as it was typed, so that running the step says
what is wrong in the same words as a recipe with that value.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from types import NoneType
from typing import Any, Literal

from pydantic.fields import FieldInfo
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGridLayout, QLabel, QWidget

from napari_metime.gui.state.session import Session
from napari_metime.gui.widgets.editors import (
    ChoiceEditor,
    Editor,
    FlagEditor,
    NumberEditor,
    PathEditor,
    SeveralEditor,
    TextEditor,
    name_control,
    read_list,
    read_names,
    read_number,
    read_text,
    unit_of,
)
from napari_metime.recipe import Recipe

LABEL_WIDTH = 108
NO_ALIGNMENT = Qt.AlignmentFlag(0)


class Row(typing.NamedTuple):
    """A row of a form: a field of the recipe and how it is shown.

    ``key`` may lead into a part of its own: ``grades.margin_um``. ``choices`` replaces free text by a list of
    (words, value); ``empty`` is shown where a value may be left out. ``says`` is how the value stands in a line that
    tells several of them; empty where it is not told.
    """

    section: str
    key: str
    label: str
    empty: str = ""
    choices: Sequence[tuple[str, Any]] = ()
    files: str = ""
    says: str = "{}"


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
        self._says = {(row.section, row.key): row.says for row in rows if row.says}
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
            editor.show(_value_of(self._session, section, key))

    def set_row_visible(self, section: str, key: str, is_visible: bool) -> None:
        """Show or hide a row."""
        for widget in self._lines[section, key]:
            widget.setVisible(is_visible)

    def mark_wrong(self, error: str) -> None:
        """Frame the field that an error begins with."""
        named = re.match(r"(?:expected )?([\w.]+)", error)
        for (section, key), editor in self.editors.items():
            widget, is_wrong = editor.widget(), named is not None and named[1] == f"{section}.{key}"
            field = widget.focusProxy() or widget
            if bool(field.property("wrong")) != is_wrong:
                field.setProperty("wrong", is_wrong)
                field.style().unpolish(field)
                field.style().polish(field)

    def in_words(self) -> list[str]:
        """Return what the rows in sight say, each in a few words; what is empty says nothing."""
        told = []
        for key, says in self._says.items():
            words = "" if self._lines[key][1].isHidden() else self.editors[key].in_words()
            if words:
                told.append(says.format(words))
        return told

    def _add(self, grid: QGridLayout, row: Row) -> None:
        field = field_of(row.section, row.key)
        editor = _editor(row, field, lambda value: self._take(row, value))
        widget, label, line = editor.widget(), QLabel(row.label), grid.rowCount()
        help_text = help_of(row, field)
        for each in (widget, label):
            each.setToolTip(help_text)
        (widget.focusProxy() or widget).setAccessibleDescription(help_text)
        name_control(label, widget)
        grid.addWidget(label, line, 0, Qt.AlignmentFlag.AlignTop if isinstance(editor, SeveralEditor) else NO_ALIGNMENT)
        grid.addWidget(widget, line, 1)
        self.editors[row.section, row.key] = editor
        self._lines[row.section, row.key] = (label, widget)

    def _take(self, row: Row, value: Any) -> None:
        whole, _, inner = row.key.partition(".")
        if inner:
            value = {**self._session.get(row.section, whole), inner: value}
        self._put(row.section, whole, value)


def field_of(section: str, key: str) -> FieldInfo:
    """Return the recipe's field; an empty key is the section itself."""
    field = Recipe.model_fields[section]
    for each in key.split(".") if key else ():
        models = (field.annotation, *typing.get_args(field.annotation))
        model: Any = next(m for m in models if hasattr(m, "model_fields"))
        field = model.model_fields[each]
    return field


def help_of(row: Row, field: FieldInfo) -> str:
    """Return what a setting does and what it is at first, with its unit."""
    default, unit = field.default, unit_of(row.key)
    words = {value: words for words, value in row.choices}
    if default is None or field.is_required() or isinstance(default, tuple | dict):
        return f"{field.description}."
    if isinstance(default, bool):
        first = "on" if default else "off"
    else:
        first = words.get(default, str(default) if not isinstance(default, float) else f"{default:g}")
    return f"{field.description}. At first: {first}{f' {unit}' if unit and first[-1].isdigit() else ''}."


def _value_of(session: Session, section: str, key: str) -> Any:
    whole, _, inner = key.partition(".")
    value = session.get(section, whole)
    return value[inner] if inner else value


def _editor(row: Row, field: FieldInfo, put: Callable[[Any], None]) -> Editor:
    kind, optional = _without_none(field.annotation)
    if several := _several(kind):
        words = {value: words for words, value in row.choices}
        return SeveralEditor([(words.get(value, value), value) for value in several], put)
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
    return TextEditor(row.empty, unit_of(row.key), _reader(kind), put)


def _reader(kind: Any) -> Callable[[str], Any]:
    if kind is str:
        return read_text
    if typing.get_origin(kind) is tuple:
        return read_names if typing.get_args(kind)[0] is str else read_list
    return read_number


def _several(kind: Any) -> tuple[Any, ...]:
    """Return the words of a tuple of any of a few words; none where it is of another kind."""
    first = (typing.get_args(kind) or (None,))[0]
    is_such = typing.get_origin(kind) is tuple and typing.get_origin(first) is Literal
    return typing.get_args(first) if is_such else ()


def _without_none(annotation: Any) -> tuple[Any, bool]:
    kinds = typing.get_args(annotation)
    if typing.get_origin(annotation) is typing.Annotated:
        return _without_none(kinds[0])
    if NoneType not in kinds:
        return annotation, False
    rest = [kind for kind in kinds if kind is not NoneType]
    return (rest[0] if len(rest) == 1 else tuple(rest)), True
