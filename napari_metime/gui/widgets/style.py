"""The look of our docks, made from the colours of napari's theme."""

from __future__ import annotations

from napari.utils.theme import get_theme

ACCENT = "#3F69CC"
LINK = "#8CADF5"
DONE = "#45BE94"
STALE = "#E3B617"
ERROR = "#FF8C7E"


def is_dark(theme_id: str) -> bool:
    """Whether one of napari's themes has a dark ground."""
    return bool(get_theme(theme_id).type == "dark")


def colours_of(theme_id: str) -> dict[str, str]:
    """Return our colours in one of napari's themes, by what they are for."""
    theme, dark = get_theme(theme_id), is_dark(theme_id)
    return {
        "background": theme.background.as_hex("long"),
        "card": theme.foreground.as_hex("long"),
        "field": theme.primary.as_hex("long"),
        "line": theme.secondary.as_hex("long"),
        "text": theme.text.as_hex("long"),
        "dim": "#BAC0C9" if dark else "#4A4D51",
        "off": "#9298A2" if dark else "#696B6F",  # of what cannot be used: 3 to 4.5:1 on cards, fields and ground
        "accent": ACCENT if dark else "#2F55B4",
        "on_accent": "#FFFFFF",
        "progress": ACCENT if dark else "#A9BEF0",
        "hover": "#365CB8" if dark else "#23428F",
        "link": LINK if dark else "#23428F",
        "done": DONE if dark else "#0B6B4B",
        "on_done": "#000000" if dark else "#FFFFFF",
        "stale": STALE if dark else "#6E5300",
        "on_stale": "#000000" if dark else "#FFFFFF",
        "error": ERROR if dark else "#A31515",
        "on_error": "#000000" if dark else "#FFFFFF",
    }


def style_sheet(theme_id: str) -> str:
    """Return the rules of our docks for one of napari's themes."""
    sheet = _SHEET
    for name, colour in colours_of(theme_id).items():
        sheet = sheet.replace(f"@{name}@", colour)
    return sheet


_SHEET = """
#metime QLabel, #metime QCheckBox, #metime QToolButton { background: transparent; padding: 0px; }
#metime QFrame[look="head"] { border: 0px; border-bottom: 1px solid @line@; }
#metime QLabel[look="title"] { font-weight: bold; font-size: 12pt; }
#metime QLabel[look="dim"], #metime QToolButton[look="fold"] { color: @dim@; }
#metime QLabel[look="legend"] { color: @dim@; font-size: 8pt; }
#metime QLabel[look="warning"] { color: @stale@; }
#metime QLabel[look="next"] { color: @link@; font-weight: bold; }
#metime QLabel[look="error"] { color: @error@; }
#metime QFrame[look="stale"] { background: @card@; border: 1px solid @stale@; border-radius: 3px; }
#metime QFrame[look="step"] { background: @card@; border-radius: 5px; border: 1px solid @card@; }
#metime QFrame[look="step"][open="true"] { border: 1px solid @line@; }
#metime QWidget[look="body"] { background: transparent; }
#metime QPushButton[look="header"] { background: transparent; border: 1px solid transparent; border-radius: 5px;
  padding: 0px; text-align: left; }
#metime QPushButton[look="header"]:hover { border: 1px solid @line@; }
#metime QPushButton[look="header"]:focus { border: 2px solid @link@; }
#metime QLabel[look="number"] { background: @field@; border-radius: 10px; font-weight: bold; padding: 0px; }
#metime QLabel[look="number"][state="done"] { background: @done@; color: @on_done@; }
#metime QLabel[look="number"][state="stale"], #metime QLabel[look="number"][state="warned"] {
  background: @stale@; color: @on_stale@; }
#metime QLabel[look="number"][state="failed"] { background: @error@; color: @on_error@; }
#metime QLabel[look="number"][state="ready"], #metime QLabel[look="number"][state="running"] {
  background: @accent@; color: @on_accent@; }
#metime QLabel[look="name"] { font-weight: bold; }
#metime QLabel[look="state"] { color: @dim@; }
#metime QLabel[look="state"][state="done"] { color: @done@; }
#metime QLabel[look="state"][state="stale"], #metime QLabel[look="state"][state="warned"] { color: @stale@; }
#metime QLabel[look="state"][state="failed"] { color: @error@; }
#metime QLabel[look="state"][state="ready"], #metime QLabel[look="state"][state="running"] { color: @link@; }
#metime QPushButton { padding: 5px 10px; border-radius: 3px; border: 1px solid transparent; }
#metime QPushButton:focus { border: 2px solid @link@; padding: 4px 9px; }
#metime QPushButton[look="primary"] { background: @accent@; color: @on_accent@; font-weight: bold; }
#metime QPushButton[look="primary"]:hover { background: @hover@; }
#metime QPushButton[look="primary"]:focus { border: 2px solid @text@; }
#metime QPushButton:disabled, #metime QToolButton:disabled, #metime QCheckBox:disabled { color: @off@; }
#metime QPushButton[look="primary"]:disabled { background: transparent; border: 1px solid @line@; color: @off@;
  font-weight: normal; }
#metime QPushButton[look="tight"] { padding: 5px 7px; }
#metime QPushButton[look="link"] { background: transparent; color: @link@; padding: 3px 0px; text-align: left;
  border: 0px; border-bottom: 2px solid transparent; border-radius: 0px; }
#metime QPushButton[look="link"]:focus { border: 0px; border-bottom: 2px solid @link@; padding: 3px 0px; }
#metime QPushButton[look="tight"]:focus { padding: 4px 6px; }
#metime QPushButton[look="menu"]::menu-indicator { width: 0px; }
#metime QToolButton[look="fold"] { margin-left: -7px; }
#metime QFrame[look="question"] { background: @card@; border: 2px solid @stale@; border-radius: 5px; }
#metime QCheckBox:focus, #metime QToolButton:focus { border: 2px solid @link@; border-radius: 3px; }
#metime QCheckBox, #metime QToolButton { border: 2px solid transparent; }
#metime QCheckBox::indicator:unchecked { background: @background@; border: 1px solid @dim@; border-radius: 2px; }
#metime QMenu::item:disabled { color: @off@; }
#metime QPushButton[look="link"]:hover { text-decoration: underline; }
#metime QPushButton[look="link"]:disabled { color: @off@; }
#metime QPushButton[look="chip"] { background: @field@; padding: 2px 5px; border-radius: 3px; }
#metime QPushButton[look="chip"]:hover { background: @line@; }
#metime QPushButton[look="chip"]:checked { border: 1px solid @link@; background: @background@; }
#metime QToolButton[look="chip"] { border: 0px; background: transparent; padding: 2px 0px; color: @dim@; }
#metime QToolButton[look="chip"]:hover { color: @text@; }
#metime QLineEdit, #metime QComboBox, #metime QAbstractSpinBox { background: @background@; border: 1px solid @line@;
  border-radius: 3px; padding: 3px 6px; min-height: 18px; }
#metime QComboBox[look="asks"], #metime QLineEdit[look="asks"] { border: 1px solid @stale@; }
#metime QLineEdit[wrong="true"], #metime QComboBox[wrong="true"], #metime QAbstractSpinBox[wrong="true"] {
  border: 1px solid @error@; }
#metime QLineEdit, #metime QComboBox, #metime QPlainTextEdit { placeholder-text-color: @dim@; }
#metime QLineEdit:focus, #metime QComboBox:focus, #metime QAbstractSpinBox:focus { border: 2px solid @link@;
  padding: 2px 5px; }
#metime QLineEdit:disabled, #metime QComboBox:disabled, #metime QAbstractSpinBox:disabled { color: @off@; }
#metime QProgressBar { background: @background@; border: 1px solid @line@; border-radius: 3px; text-align: center;
  min-height: 22px; color: @text@; }
#metime QProgressBar::chunk { background: @progress@; border-radius: 2px; }
#metime QTableView, #metime QTreeView { background: @background@; border: 1px solid @line@; border-radius: 3px;
  gridline-color: @card@; }
#metime QTableView:focus, #metime QTreeView:focus, #metime QPlainTextEdit:focus { border: 2px solid @link@; }
#metime QTableView::item { padding: 1px 4px; }
#metime QTableView::item:selected, #metime QTreeView::item:selected { background: @accent@; color: @on_accent@; }
#metime QTableView::indicator { width: 12px; height: 12px; border: 1px solid @dim@; border-radius: 2px; }
#metime QTableView::indicator:checked { background: @accent@; border: 1px solid @accent@; }
#metime QHeaderView::section { background: @card@; padding: 4px; border: 0px; font-weight: bold; }
#metime QTableView QComboBox { padding: 1px 4px; min-height: 16px; }
#metime QTableView QComboBox::drop-down { width: 18px; }
#metime QPlainTextEdit { background: @background@; border: 1px solid @line@; }
"""
