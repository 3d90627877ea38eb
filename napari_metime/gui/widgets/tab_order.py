"""The order of Tab, which follows sight."""

from __future__ import annotations

from collections.abc import Iterator

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLayout, QScrollArea, QWidget


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
