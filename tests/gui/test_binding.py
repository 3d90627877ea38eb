"""Both Qt bindings are tested: each run loads the one that it was asked for, and only that."""

from __future__ import annotations

import os
import sys

import napari.qt
import pyqtgraph
import qtpy
import superqt

IMPORTERS = (napari.qt, pyqtgraph, superqt)


def test_the_binding_that_was_asked_for_is_the_only_one_loaded(qapp):
    assert os.environ["QT_API"] == qtpy.API
    assert {"PyQt5", "PyQt6", "PySide2", "PySide6"} & sys.modules.keys() == {qtpy.API_NAME}
    assert type(qapp).__module__.partition(".")[0] == qtpy.API_NAME
