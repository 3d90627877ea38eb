"""Which ion is shown: its m/z by number and slider, the width of its window, and its colour."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import QSignalBlocker, QSize, Qt
from qtpy.QtGui import QColor, QIcon, QPainter, QPixmap
from qtpy.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QFlowLayout

from napari_metime.gui.running.ions import Ions
from napari_metime.gui.state.in_sight import SLOTS, IonWindow, Slot
from napari_metime.gui.state.session import Session
from napari_metime.gui.widgets.colours import SLOT_COLOURS
from napari_metime.gui.widgets.editors import ignore_wheel
from napari_metime.gui.widgets.lines import PlainSpinBox

SLIDER_STEPS = 20_000
MAX_TOLERANCE = {"ppm": 10_000.0, "Da": 10.0}
SLOT_WORDS: dict[Slot, str] = {"one": "One ion", "red": "red", "green": "green", "blue": "blue"}


class IonBar(QWidget):
    """The controls above the spectrum."""

    def __init__(self, ions: Ions, session: Session) -> None:
        super().__init__()
        self._ions, self._session = ions, session
        self._followed: float | None = None
        self._build_widgets()
        self._connect()
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(2)
        box.addLayout(self._first_line())
        box.addLayout(self._second_line())
        self.refresh()

    def refresh(self) -> None:
        """Show what the session and its ions are."""
        opened = self._session.value("data")
        low, high = (np.nan, np.nan) if opened is None else opened.dataset.mz_range
        self.setEnabled(bool(np.isfinite([low, high]).all()))  # a file without points has no range
        window, (tolerance, unit) = self._ions.window, self._ions.tolerance
        with QSignalBlocker(self.mz), QSignalBlocker(self.slider), QSignalBlocker(self.tolerance):
            if not self.isEnabled():
                low = high = 0.0
            self.mz.setRange(low, high)
            mz = low if window is None else window.mz
            if self._followed is not None and not (window is not None and window.holds(self._followed)):
                mz = self._followed
            self.mz.setValue(mz)
            self.slider.setValue(round(SLIDER_STEPS * (mz - low) / (high - low or 1.0)))
            self.unit.setCurrentText(unit)
            self.tolerance.setMaximum(MAX_TOLERANCE[unit])
            self.tolerance.setValue(tolerance)
        self.mz.setSingleStep(2 * IonWindow(self.mz.value(), tolerance, unit).half)
        for slot, chip in self.chips.items():
            chip.show_slot(self._ions.windows.get(slot), is_target=slot == self._ions.target)
        is_listed = window is not None and self._ions.is_listed(window)
        self.keep.setEnabled(window is not None)
        self.add.setEnabled(window is not None and not is_listed)
        self.add.setText("In step 3" if is_listed else "Add to step 3")

    def follow(self, mz: float | None) -> None:
        """Show the m/z of the channel in hand, which no ion may be shown for; without one that of the ion in sight."""
        self._followed = mz
        self.refresh()

    def _build_widgets(self) -> None:
        self.mz, self.slider = QDoubleSpinBox(), QSlider(Qt.Orientation.Horizontal)
        self.mz.setDecimals(4)
        self.mz.setKeyboardTracking(False)
        self.mz.setSpecialValueText("choose")
        self.mz.setAccessibleName("m/z of the ion")
        self.mz.setToolTip("m/z of the ion that is shown; a step is the width of its window")
        self.slider.setRange(0, SLIDER_STEPS)
        self.slider.setAccessibleName("m/z over the range of the file")
        self.slider.setMinimumWidth(60)
        self.tolerance, self.unit = PlainSpinBox(), QComboBox()
        self.tolerance.setDecimals(4)
        self.tolerance.setMaximumWidth(92)
        self.tolerance.setMinimum(0.0001)
        self.tolerance.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
        self.tolerance.setKeyboardTracking(False)
        self.tolerance.setAccessibleName("Half width of the m/z window")
        self.tolerance.setToolTip("Half width of the m/z window")
        self.unit.addItems(list(MAX_TOLERANCE))
        self.unit.setAccessibleName("Unit of the half width")
        self.chips = {slot: SlotChip(slot) for slot in SLOTS}
        self.keep, self.add = QPushButton("Keep"), QPushButton("Add to step 3")
        self.keep.setToolTip("Keep this ion as a coloured layer of its own")
        self.add.setToolTip("Add this m/z to the further m/z that step 3, Metabolites, measures")
        for button in (self.keep, self.add):
            button.setProperty("look", "link")
        for widget in (self.mz, self.tolerance, self.unit, self.slider):
            ignore_wheel(widget)

    def _first_line(self) -> QHBoxLayout:
        line = QHBoxLayout()
        line.setSpacing(6)
        for widget, stretch in (
            (QLabel("m/z"), 0),
            (self.mz, 0),
            (self.slider, 1),
            (QLabel("±"), 0),
            (self.tolerance, 0),
            (self.unit, 0),
        ):
            line.addWidget(widget, stretch)
        self.mz.setMinimumWidth(116)
        return line

    def _second_line(self) -> QFlowLayout:
        line = QFlowLayout()
        line.setContentsMargins(0, 0, 0, 0)
        line.setHorizontalSpacing(4)
        line.setVerticalSpacing(2)
        links = QWidget()
        beside = QHBoxLayout(links)
        beside.setContentsMargins(10, 0, 0, 0)
        beside.setSpacing(16)
        beside.addWidget(self.keep)
        beside.addWidget(self.add)
        for widget in (*self.chips.values(), links):
            line.addWidget(widget)
        return line

    def _connect(self) -> None:
        self.mz.valueChanged.connect(self._ions.show)
        self.slider.valueChanged.connect(self._on_slider)
        self.tolerance.valueChanged.connect(self._on_tolerance)
        self.unit.activated.connect(self._on_unit)
        self.keep.clicked.connect(self._ions.keep)
        self.add.clicked.connect(self._ions.add_to_metabolites)
        self._group = QButtonGroup(self)
        for slot, chip in self.chips.items():
            self._group.addButton(chip.button)
            chip.button.clicked.connect(lambda _=False, slot=slot: self._ions.choose(slot))
            chip.clear.clicked.connect(lambda _=False, slot=slot: self._ions.clear(slot))

    def _on_slider(self, step: int) -> None:
        low, high = self._session.value("data").dataset.mz_range
        self._ions.show(low + (high - low) * step / SLIDER_STEPS)

    def _on_tolerance(self, value: float) -> None:
        self._ions.set_tolerance(value, self._ions.tolerance[1])

    def _on_unit(self) -> None:
        """Change the unit; the window stays as wide as it is at the m/z in sight."""
        tolerance, unit = self._ions.tolerance
        mz = self.mz.value()
        if self.unit.currentText() == "Da" and unit == "ppm":
            self._ions.set_tolerance(max(round(tolerance * mz * 1e-6, 4), 0.0001), "Da")
        elif self.unit.currentText() == "ppm" and unit == "Da":
            self._ions.set_tolerance(min(round(tolerance / mz * 1e6, 4), MAX_TOLERANCE["ppm"]), "ppm")


class SlotChip(QWidget):
    """One of the places for an ion: its colour, its m/z, and a way to clear it."""

    def __init__(self, slot: Slot) -> None:
        super().__init__()
        self._slot = slot
        self.button, self.clear = QPushButton(SLOT_WORDS[slot]), QToolButton()
        self.button.setCheckable(True)
        self.button.setProperty("look", "chip")
        self.button.setIcon(_dot(SLOT_COLOURS[slot], "" if slot == "one" else slot[0].upper()))
        self.button.setIconSize(QSize(14, 14))
        self.button.setAccessibleName(f"Show the next ion: {SLOT_WORDS[slot]}")
        self.clear.setText("✕")
        self.clear.setFixedWidth(18)
        self.clear.setProperty("look", "chip")
        self.clear.setAccessibleName(f"Clear {SLOT_WORDS[slot]}")
        self.clear.setToolTip("Clear")
        about = "The next ion is shown alone" if slot == "one" else f"The next ion is shown in {slot}, with the others"
        self.button.setToolTip(about)
        box = QHBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(self.button)
        box.addWidget(self.clear)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def show_slot(self, window: IonWindow | None, *, is_target: bool) -> None:
        """Show what the place holds."""
        self.button.setChecked(is_target)
        words = SLOT_WORDS[self._slot]
        self.button.setText(words if window is None or self._slot == "one" else f"{window.mz:.3f}")
        self.clear.setVisible(window is not None and self._slot != "one")


def _dot(colour: str, letter: str) -> QIcon:
    """Draw a dot, with a letter for those who cannot tell its colour."""
    image = QPixmap(28, 28)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(colour))
    painter.drawEllipse(1, 1, 26, 26)
    font = painter.font()
    font.setPixelSize(19)
    font.setBold(True)
    painter.setFont(font)
    painter.setPen(QColor("#000000"))
    painter.drawText(image.rect(), Qt.AlignmentFlag.AlignCenter, letter)
    painter.end()
    return QIcon(image)
