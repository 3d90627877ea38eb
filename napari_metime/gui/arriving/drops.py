"""Files dropped on the canvas and on the lower dock, which the steps take where they are theirs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QMimeData, QObject, Qt
from qtpy.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent
from qtpy.QtWidgets import QApplication, QWidget

from napari_metime.gui.arriving.incoming import are_ours

if TYPE_CHECKING:
    from napari_metime.gui.dock import StepperDock


def dropped_paths(mime: QMimeData) -> list[Path]:
    """Return the files of this machine in what was dropped."""
    return [Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile()]


class Drops(QObject):
    """Looks at drops before the widgets do that it watches; a child of the dock, it ends with it."""

    def __init__(self, dock: StepperDock) -> None:
        super().__init__(dock)
        self._dock = dock

    def watch(self, whole: QWidget | None) -> None:
        """Look at the drops on a widget and on all in it that takes some."""
        if whole is None:
            return
        for widget in (whole, *whole.findChildren(QWidget)):
            if widget.acceptDrops():
                widget.removeEventFilter(self)
                widget.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Take a drop of files that are ours; with Shift or Alt, it is meant for napari."""
        if isinstance(event, QDragEnterEvent) and event.type() == QEvent.Type.DragEnter:
            if watched is not None and _is_in_our_dock(watched) and event.mimeData().hasUrls():
                event.acceptProposedAction()
                return True
            return False
        if not isinstance(event, QDropEvent) or event.type() != QEvent.Type.Drop or watched is None:
            return False
        paths = dropped_paths(event.mimeData())
        plain = event.modifiers() == Qt.KeyboardModifier.NoModifier
        if not paths or not (_is_in_our_dock(watched) or (plain and are_ours(paths, self._dock.session))):
            return False
        event.acceptProposedAction()
        QApplication.sendEvent(watched, QDragLeaveEvent())  # napari's welcome marks itself while files are over it
        self._dock.take_files(paths)
        return True


def _is_in_our_dock(watched: QObject) -> bool:
    """Whether a widget is in one of our docks, where nothing else takes files."""
    each = watched if isinstance(watched, QWidget) else None
    while each is not None and each.objectName() != "metime":
        each = each.parentWidget()
    return each is not None
