"""The keyboard in the dock: shortcuts, Enter on whatever has the focus, and an order of Tab that follows sight.

None of the shortcuts is one of napari's: its own use Alt with letters and arrows, and the bare digits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QLayout, QScrollArea, QShortcut, QWidget

from napari_metime.gui import commands
from napari_metime.gui.chain import STEPS, number

if TYPE_CHECKING:
    from napari_metime.gui.dock import StepperDock

RUN_KEYS = ("Ctrl+Return", "Ctrl+Enter")


def add_keys(dock: StepperDock) -> list[QShortcut]:
    """Let Ctrl+Return run the open step, Esc cancel the running one, and Alt+1 to Alt+7 open the steps."""
    window = Qt.ShortcutContext.WindowShortcut
    made = [_shortcut(dock, keys, partial(commands.run_open_step, dock), window) for keys in RUN_KEYS]
    inside = Qt.ShortcutContext.WidgetWithChildrenShortcut  # on the canvas, Esc ends what is being drawn
    made.append(_shortcut(dock, "Esc", partial(commands.cancel, dock), inside))
    for step in STEPS:
        made.append(_shortcut(dock, f"Alt+{number(step)}", partial(dock.go_to_step, step), window))
    return made


def _shortcut(dock: StepperDock, keys: str, act: Callable[[], None], context: Qt.ShortcutContext) -> QShortcut:
    shortcut = QShortcut(QKeySequence(keys), dock)
    shortcut.setContext(context)
    shortcut.activated.connect(act)
    return shortcut


def order_tab_by_sight(whole: QWidget) -> None:
    """Let Tab go through the controls as they stand, from top to bottom and left to right."""
    former: QWidget | None = None
    for widget in controls_in(whole):
        if former is not None:
            QWidget.setTabOrder(former, widget)
        former = widget


def controls_in(whole: QWidget) -> Iterator[QWidget]:
    """Yield what takes the focus by Tab in a widget, as it stands in the layouts."""
    if isinstance(whole, QScrollArea) and (inner := whole.widget()) is not None:
        yield from controls_in(inner)
        return
    if whole.focusPolicy() & Qt.FocusPolicy.TabFocus and whole.focusProxy() is None:
        yield whole
        return
    if (layout := whole.layout()) is not None:
        yield from _controls_of(layout)


def _controls_of(layout: QLayout) -> Iterator[QWidget]:
    for i in range(layout.count()):
        item = layout.itemAt(i)
        if item is None:
            continue
        if (widget := item.widget()) is not None:
            yield from controls_in(widget)
        elif (inner := item.layout()) is not None:
            yield from _controls_of(inner)
