"""The steps by keyboard alone, and what a screen reader says of each control."""

from __future__ import annotations

import itertools
import threading

import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QHeaderView,
    QLineEdit,
    QPlainTextEdit,
    QProgressBar,
    QShortcut,
    QWidget,
)

from napari_metime import pipeline
from napari_metime.gui.state.chain import STEPS
from napari_metime.gui.views.lower_dock import LowerDock
from napari_metime.gui.widgets.tab_order import controls_in

CONTROLS = (
    *(QAbstractButton, QAbstractItemView, QAbstractSpinBox, QComboBox, QLineEdit, QPlainTextEdit, QProgressBar),
)


def is_part_of_another(widget: QWidget) -> bool:
    """Whether Qt made it inside a control: the line of a spin box, the list of a combo box, a header, a corner."""
    inside = any(isinstance(each, QComboBox | QAbstractSpinBox | QLineEdit) for each in parents(widget))
    return inside or isinstance(widget, QHeaderView) or widget.metaObject().className() == "QTableCornerButton"


def nameless(whole: QWidget) -> list[str]:
    found = []
    for widget in whole.findChildren(QWidget):
        if not isinstance(widget, CONTROLS) or is_part_of_another(widget):
            continue
        text = widget.text() if isinstance(widget, QAbstractButton) else ""
        if not (widget.accessibleName() or any(letter.isalpha() for letter in text)):
            above = [type(each).__name__ for each in parents(widget)]
            found.append(f"{type(widget).__name__} in {above}")
    return found


def parents(widget: QWidget):
    while (widget := widget.parentWidget()) is not None:
        yield widget


@pytest.fixture
def shown(dock, qtbot):
    dock.resize(400, 700)
    dock.show()
    qtbot.waitExposed(dock)
    return dock


def test_every_control_has_a_name_or_words(outlined, click):
    click(outlined, "metabolites", "cells", "align", "niches")
    assert nameless(outlined) == []


def test_every_control_of_the_lower_dock_has_a_name_or_words(dock, qtbot):
    lower = LowerDock(dock.bench)
    lower.finish()
    qtbot.addWidget(lower)
    assert nameless(lower) == []


@pytest.mark.parametrize("step", STEPS)
def test_tab_goes_from_top_to_bottom_and_reaches_every_control(shown, step):
    shown.open_step(step)
    QApplication.processEvents()  # the new heights
    controls = [each for each in controls_in(shown) if each.isVisible()]
    wanted = {w for w in shown.findChildren(QWidget) if w.isVisible() and w.focusPolicy() & Qt.FocusPolicy.TabFocus}
    own = {w for w in wanted if isinstance(w, CONTROLS) and not is_part_of_another(w)}
    assert own <= set(controls)
    chain, each = [], controls[0]
    while len(chain) < 2000 and (not chain or each is not controls[0]):
        if each in controls:
            chain.append(each)
        each = each.nextInFocusChain()
    assert chain == controls
    tops = [widget.mapTo(shown, QPoint(0, 0)).y() + widget.height() / 2 for widget in controls]
    back = [(top, after) for top, after in itertools.pairwise(tops) if after < top - 6]
    assert back == []


def test_enter_and_space_on_a_header_open_its_step(shown, qtbot):
    for key, step in ((Qt.Key.Key_Return, "tissue"), (Qt.Key.Key_Space, "cells"), (Qt.Key.Key_Enter, "niches")):
        header = shown.panels[step].header
        header.setFocus()
        qtbot.keyClick(header, key)
        assert [s for s, panel in shown.panels.items() if panel.is_open] == [step]


def shortcut(dock, keys: str) -> QShortcut:
    found = [each for each in dock.findChildren(QShortcut) if each.key() == QKeySequence(keys)]
    assert len(found) == 1
    return found[0]


def test_alt_and_a_digit_go_to_a_step(shown):
    for number, step in enumerate(STEPS, start=1):
        shortcut(shown, f"Alt+{number}").activated.emit()
        assert shown.open_panel is shown.panels[step]


def test_no_shortcut_is_one_of_naparis(dock):
    from app_model.types import KeyBinding
    from napari.utils.shortcuts import default_shortcuts

    taken = {str(binding).casefold() for bindings in default_shortcuts.values() for binding in bindings}
    ours = {each.key().toString() for each in dock.findChildren(QShortcut)}
    assert {"Esc", "Alt+1", "Ctrl+Return"} <= ours
    written = {str(KeyBinding.from_str(each.replace("Return", "Enter").replace("Esc", "Escape"))) for each in ours}
    shared = {each for each in written if each.casefold() in taken}
    assert shared <= {"Escape", "Ctrl+Z", "Ctrl+Shift+Z"}  # which are ours inside the dock alone
    for keys in ("Esc", "Ctrl+Z", "Ctrl+Shift+Z"):
        assert shortcut(dock, keys).context() == Qt.ShortcutContext.WidgetWithChildrenShortcut


def test_ctrl_z_takes_back_what_was_done_by_hand_and_ctrl_shift_z_does_it_again(shown):
    shown.session.assign_roles({"effector": ("CD8",)}, "role of CD8")
    shortcut(shown, "Ctrl+Z").activated.emit()
    assert shown.session.get("cells", "roles") == {}
    shortcut(shown, "Ctrl+Shift+Z").activated.emit()
    assert shown.session.get("cells", "roles") == {"effector": ("CD8",)}


def test_all_steps_run_by_keyboard_and_esc_cancels(dock, recipe_path, settle, monkeypatch, qtbot):
    dock.bench.arrivals.open_recipe(recipe_path)
    settle(dock)
    for number in range(2, 7):
        shortcut(dock, f"Alt+{number}").activated.emit()
        shortcut(dock, "Ctrl+Return").activated.emit()
        settle(dock)
    assert [dock.session.state(step) for step in STEPS] == ["done"] * 6 + ["ready"]
    started = threading.Event()

    def wait_for_stop(*_, on_progress, **__):
        while True:
            on_progress(0.5, "half way")
            started.set()

    monkeypatch.setattr(pipeline, "find_niches", wait_for_stop)
    shortcut(dock, "Ctrl+Return").activated.emit()
    qtbot.waitUntil(started.is_set)
    shortcut(dock, "Esc").activated.emit()
    assert dock.session.running is None
    assert dock.session.state("niches") == "done"


def test_a_header_says_its_state_to_a_screen_reader(dock):
    header = dock.panels["niches"].header
    assert header.accessibleName() == "Step 6: Niches"
    assert "waits for 2, 3 and 5" in header.accessibleDescription()
