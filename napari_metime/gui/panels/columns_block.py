"""The part of step 4 that says which columns hold x, y and the type: chosen beside the first rows of the table."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_metime.cells import Preview
from napari_metime.gui.panels.step_panel import looking, restyle, say, wrapped
from napari_metime.gui.running.words import listed
from napari_metime.gui.state.session import Session
from napari_metime.gui.widgets.column_choice import ColumnEditor, FirstRows
from napari_metime.gui.widgets.forms import field_of
from napari_metime.gui.widgets.rows import labelled

ABOUT = "The first rows of the table, and what its columns are taken for:"
LABELS = {"x": "Column of x", "y": "Column of y", "type": "Column of type"}


class ColumnsBlock(QWidget):
    """Shows what a look at the table found, and hands on what a person chooses."""

    def __init__(self, session: Session, on_choice: Callable[[str, str | None], None]) -> None:
        super().__init__()
        looking(self, "body")
        self._session = session
        self.rows, self.about, self.question = FirstRows(), wrapped(ABOUT, "dim"), wrapped("", "warning")
        self.editors = {key: ColumnEditor(partial(on_choice, key)) for key in LABELS}
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(6)
        box.addWidget(self.question)
        box.addWidget(self.about)
        box.addWidget(self.rows)
        for key, words in LABELS.items():
            widget, help_text = self.editors[key].widget(), field_of("cells", key).description or ""
            widget.setAccessibleDescription(help_text)
            box.addWidget(labelled(words, widget))

    def refresh(self) -> None:
        """Show the session."""
        session, preview = self._session, self._session.preview
        self.setEnabled(session.running is None)
        self.rows.setVisible(preview is not None)
        missing = missing_columns(session)
        say(self.question, _question(missing) if missing else "")
        self.about.setVisible(preview is not None and not missing)
        for key, editor in self.editors.items():
            restyle(editor.widget(), "look", "asks" if key in missing else "")
            editor.offer(_offered(preview, key), _empty(preview, key))
            editor.show(session.get("cells", key))
        if preview is not None:
            self.rows.show_rows(preview.header, preview.rows, _taken(preview))


def missing_columns(session: Session) -> tuple[str, ...]:
    """Return what a person has to choose a column for: x, y or type, of a text table that was looked at."""
    preview = session.preview
    if preview is None:
        return ()
    by_rules = ("type",) if session.get("cells", "gates") else ()
    by_mask = ("x", "y") if session.get("cells", "labels") is not None else ()
    return preview.missing(*by_rules, *by_mask)


def _question(missing: tuple[str, ...]) -> str:
    which = "it" if len(missing) == 1 else "them"
    return f"? No column has a name that is known for {listed(missing)}: choose {which} below the first rows."


def _offered(preview: Preview | None, key: str) -> tuple[str, ...]:
    if preview is None:
        return ()
    return preview.kinds if key == "type" else preview.numbers


def _empty(preview: Preview | None, key: str) -> str:
    """Say what is taken where no column is chosen."""
    if preview is None:
        return "by known names"
    found = preview.recognised[key]
    return f"{found} (recognised)" if found else "please choose…"


def _taken(preview: Preview) -> dict[str, str]:
    """Return what columns are taken for; the two sides of a box give x, or y, together."""
    taken: dict[str, str] = {}
    for word, columns in preview.taken.items():
        for name in columns:
            taken[name] = f"{taken[name]}, {word}" if name in taken else word
    return taken
