"""The shortcuts of the dock.

None of those of the whole window is one of napari's: its own use Alt with letters and arrows, and the bare digits.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QShortcut

from napari_metime.gui import commands
from napari_metime.gui.state.chain import STEPS, number

if TYPE_CHECKING:
    from napari_metime.gui.dock import StepperDock

RUN_KEYS = ("Ctrl+Return", "Ctrl+Enter")
UNDO_KEYS, REDO_KEYS = "Ctrl+Z", "Ctrl+Shift+Z"


def add_keys(dock: StepperDock) -> list[QShortcut]:
    """Let Ctrl+Return run the open step, Esc cancel the running one, Ctrl+Z undo, and Alt+1 to Alt+7 open the steps."""
    window = Qt.ShortcutContext.WindowShortcut
    made = [_shortcut(dock, keys, partial(commands.run_open_step, dock), window) for keys in RUN_KEYS]
    # On the canvas, Esc ends what is being drawn, and napari takes back stroke by stroke; a field takes back letters.
    inside = Qt.ShortcutContext.WidgetWithChildrenShortcut
    for keys, act in (("Esc", commands.cancel), (UNDO_KEYS, commands.undo), (REDO_KEYS, commands.redo)):
        made.append(_shortcut(dock, keys, partial(act, dock), inside))
    for step in STEPS:
        made.append(_shortcut(dock, f"Alt+{number(step)}", partial(dock.go_to_step, step), window))
    return made


def _shortcut(dock: StepperDock, keys: str, act: Callable[[], None], context: Qt.ShortcutContext) -> QShortcut:
    shortcut = QShortcut(QKeySequence(keys), dock)
    shortcut.setContext(context)
    shortcut.activated.connect(act)
    return shortcut
