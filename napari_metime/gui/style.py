"""The look of our docks, made from the colours of napari's theme."""

from __future__ import annotations

from napari.utils.theme import get_theme

ACCENT = "#4F7BE0"
DONE = "#2FA37C"
STALE = "#E3B617"
ERROR = "#FF7A6B"


def colours_of(theme_id: str) -> dict[str, str]:
    """Return our colours in one of napari's themes, by what they are for."""
    theme = get_theme(theme_id)
    dark = theme.type == "dark"
    return {
        "background": theme.background.as_hex("long"),
        "card": theme.foreground.as_hex("long"),
        "field": theme.primary.as_hex("long"),
        "line": theme.secondary.as_hex("long"),
        "text": theme.text.as_hex("long"),
        "dim": "#AEB4BD" if dark else "#55585C",
        "accent": ACCENT if dark else "#2F55B4",
        "hover": "#6A91EC" if dark else "#23428F",
        "done": DONE if dark else "#0B6B4B",
        "stale": STALE if dark else "#7A5C00",
        "error": ERROR if dark else "#A31515",
    }


def style_sheet(theme_id: str) -> str:
    """Return the style sheet of our docks for one of napari's themes."""
    sheet = _SHEET
    for name, colour in colours_of(theme_id).items():
        sheet = sheet.replace(f"@{name}@", colour)
    return sheet


_SHEET = """
#metime QLabel, #metime QCheckBox, #metime QToolButton { background: transparent; padding: 0px; }
#metime QLabel[look="title"] { font-weight: bold; font-size: 12pt; }
#metime QLabel[look="dim"], #metime QToolButton[look="fold"] { color: @dim@; }
#metime QLabel[look="warning"] { color: @stale@; }
#metime QLabel[look="error"] { color: @error@; }
#metime QFrame[look="step"] { background: @card@; border-radius: 5px; border: 1px solid @card@; }
#metime QFrame[look="step"][open="true"] { border: 1px solid @line@; }
#metime QWidget[look="body"] { background: transparent; }
#metime QPushButton[look="header"] { background: transparent; border: 1px solid transparent; border-radius: 5px;
  padding: 0px; text-align: left; }
#metime QPushButton[look="header"]:hover { background: @field@; }
#metime QPushButton[look="header"]:focus { border: 1px solid @accent@; }
#metime QLabel[look="number"] { background: @field@; border-radius: 10px; font-weight: bold; padding: 0px; }
#metime QLabel[look="number"][state="done"] { background: @done@; color: white; }
#metime QLabel[look="number"][state="stale"] { background: @stale@; color: black; }
#metime QLabel[look="number"][state="ready"], #metime QLabel[look="number"][state="running"] {
  background: @accent@; color: white; }
#metime QLabel[look="name"] { font-weight: bold; }
#metime QLabel[look="state"] { color: @dim@; }
#metime QLabel[look="state"][state="done"] { color: @done@; }
#metime QLabel[look="state"][state="stale"] { color: @stale@; }
#metime QLabel[look="state"][state="ready"], #metime QLabel[look="state"][state="running"] { color: @hover@; }
#metime QPushButton { padding: 5px 10px; border-radius: 3px; border: 1px solid transparent; }
#metime QPushButton:focus { border: 1px solid @accent@; }
#metime QPushButton[look="primary"] { background: @accent@; color: white; font-weight: bold; }
#metime QPushButton[look="primary"]:hover { background: @hover@; }
#metime QPushButton[look="primary"]:focus { border: 1px solid white; }
#metime QPushButton[look="primary"]:disabled { background: @field@; color: @dim@; font-weight: normal; }
#metime QPushButton[look="tight"] { padding: 5px 7px; }
#metime QPushButton[look="link"] { background: transparent; color: @hover@; padding: 3px 4px; }
#metime QPushButton[look="link"]:hover { text-decoration: underline; }
#metime QPushButton[look="link"]:disabled { color: @dim@; }
#metime QPushButton[look="chip"] { background: @field@; padding: 2px 5px; border-radius: 3px; }
#metime QPushButton[look="chip"]:hover { background: @line@; }
#metime QPushButton[look="chip"]:checked { border: 1px solid @accent@; background: @background@; }
#metime QToolButton[look="chip"] { border: 0px; background: transparent; padding: 2px 0px; color: @dim@; }
#metime QToolButton[look="chip"]:hover { color: @text@; }
#metime QLineEdit, #metime QComboBox, #metime QAbstractSpinBox { background: @background@; border: 1px solid @line@;
  border-radius: 3px; padding: 3px 6px; min-height: 18px; }
#metime QComboBox[look="asks"] { border: 1px solid @stale@; }
#metime QLineEdit:focus, #metime QComboBox:focus, #metime QAbstractSpinBox:focus { border: 1px solid @accent@; }
#metime QLineEdit:disabled, #metime QComboBox:disabled, #metime QAbstractSpinBox:disabled { color: @dim@; }
#metime QProgressBar { background: @background@; border: 1px solid @line@; border-radius: 3px; text-align: center;
  min-height: 22px; color: @text@; }
#metime QProgressBar::chunk { background: @accent@; border-radius: 2px; }
#metime QTableView, #metime QTreeView { background: @background@; border: 1px solid @line@; border-radius: 3px;
  gridline-color: @card@; }
#metime QTableView:focus, #metime QTreeView:focus { border: 1px solid @accent@; }
#metime QTableView::item { padding: 1px 4px; }
#metime QTableView::item:selected, #metime QTreeView::item:selected { background: @accent@; color: white; }
#metime QTableView::indicator { width: 12px; height: 12px; border: 1px solid @dim@; border-radius: 2px; }
#metime QTableView::indicator:checked { background: @accent@; border: 1px solid @accent@; }
#metime QHeaderView::section { background: @card@; padding: 4px; border: 0px; font-weight: bold; }
#metime QTableView QComboBox { padding: 1px 4px; min-height: 16px; }
#metime QPlainTextEdit { background: @background@; border: 1px solid @line@; }
"""
