"""The part of step 5 that makes an alignment better by the images, and shows before and after."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QCheckBox, QPushButton, QVBoxLayout, QWidget

from napari_metime.export.words import number
from napari_metime.gui.layers.comparison import Mode
from napari_metime.gui.panels.step_panel import looking, restyle, say, wrapped
from napari_metime.gui.running.bench import Bench
from napari_metime.gui.widgets.editors import ChoiceEditor
from napari_metime.gui.widgets.rows import in_a_row, labelled
from napari_metime.recipe import RefineRecipe

TEACHES = (
    "Moves the cells, or their image, over the ions until the two patterns tell most about each other (mutual "
    "information), from up to some 150 µm and 5 degrees off. Refused, with its reason, where that does not help."
)
MAY = [("shift and turn", "rigid"), ("shift, turn and shear", "affine"), ("shift, turn and bend", "bspline")]
FIXED = [("first components", "components"), ("total ion current", "tic")]
MODES: list[tuple[str, Mode]] = [("nothing", ""), ("as tiles", "tiles"), ("magenta and green", "colours")]
COMPARES = "Shows the two pictures in one, as they lie before and after, to judge the fit by eye"
DEFAULTS: dict[str, Any] = {"channel": "cells", "to": "components", "transform": "affine"}


class RefineBlock(QWidget):
    """What moves to what, one button, what came of it in words, and a way to look at it."""

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        looking(self, "body")
        self.bench, self.session, self.comparison = bench, bench.session, bench.comparison
        self._wish = dict(DEFAULTS)
        self.channel = ChoiceEditor([("the cells", "cells")], lambda value: self._on_wish("channel", value))
        self.to = ChoiceEditor(FIXED, lambda value: self._on_wish("to", value))
        self.transform = ChoiceEditor(MAY, lambda value: self._on_wish("transform", value))
        self.refine, self.drop = QPushButton("Refine"), QPushButton("Go without")
        self.refine.clicked.connect(lambda: bench.attempt("align", "refine", dict(self._wish)))
        self.refine.setToolTip("Look for the shift, turn and more by which the two patterns fit best")
        self.drop.setToolTip("Take the alignment as it was before it was refined")
        self.drop.clicked.connect(lambda: bench.attempt("align", "refine", None))
        self.compare = ChoiceEditor(MODES, self.comparison.show)
        self.flip, self.blink = QPushButton("Show before"), QCheckBox("Blink")
        self.flip.clicked.connect(self.comparison.flip)
        self.blink.setToolTip("Show before and after in turn, by itself")
        self.blink.clicked.connect(self.comparison.blink)
        self.bits = wrapped("", "plain")
        self.compare_row = labelled("Compare", self.compare.widget(), COMPARES)
        self.flip_row = in_a_row(self.flip, self.blink)
        for button in (self.drop, self.flip):
            looking(button, "second")
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(6)
        box.addWidget(wrapped(TEACHES, "dim"))
        for words, key, editor in (
            ("Move", "channel", self.channel),
            ("Over", "to", self.to),
            ("It may", "transform", self.transform),
        ):
            box.addWidget(labelled(words, editor.widget(), RefineRecipe.model_fields[key].description or ""))
        for widget in (in_a_row(self.refine, self.drop), self.bits, self.compare_row, self.flip_row):
            box.addWidget(widget)
        self.comparison.changed.connect(self.refresh)
        bench.microscope.changed.connect(self.refresh)

    def refresh(self) -> None:
        """Show the session."""
        session, image = self.session, self.bench.microscope.image
        stated = session.get("align", "refine")
        if stated is not None:
            self._wish = {key: stated[key] for key in DEFAULTS}
        names = () if image is None else image.channel_names
        self.channel.offer([("the cells", "cells"), *((name, i) for i, name in enumerate(names))])
        ions = [(f"m/z {window.mz:.4f}, in sight", window.mz) for window in self.bench.ions.windows.values()]
        kept = self._wish["to"]
        known = {value for _, value in (*FIXED, *ions)}
        named = [] if kept in known else [(f"m/z {kept:.4f}", kept)]
        self.to.offer([*FIXED, *ions, *named])
        for key, editor in (("channel", self.channel), ("to", self.to), ("transform", self.transform)):
            editor.show(self._wish[key])
        idle = session.running is None
        self.refine.setEnabled(idle and self.session.value("align") is not None and session.can_run("align"))
        self.refine.setText("Refine" if stated is None else "Refine again")
        restyle(self.refine, "look", "primary" if stated is None else "second")
        self.drop.setVisible(stated is not None)
        self.drop.setEnabled(idle)
        found = self.comparison.found if session.is_current("align") else None
        say(self.bits, self._in_words())
        self.compare_row.setVisible(found is not None)
        self.flip_row.setVisible(found is not None and bool(self.comparison.mode))
        self.compare.show(self.comparison.mode)
        self.flip.setText("Show before" if self.comparison.is_after else "Show after")
        self.blink.setChecked(self.comparison.is_blinking)

    def _in_words(self) -> str:
        aligned, found = self.session.value("align"), self.comparison.found
        refined = aligned.refined if aligned is not None and self.session.is_current("align") else None
        if refined is None:
            return ""
        # What was done, or why it was refused, stands with the result and the warnings of the step already.
        text = "✓ Accepted." if refined.accepted else "✕ Refused: the alignment is as it was."
        if found is not None:
            before, after = found.information_before, found.information_after
            text += f" Mutual information {before:.3f} bits before, {after:.3f} after."
        if found is not None and refined.accepted:
            text += f" Moved by up to {number(found.moved_um)} µm."
        return text

    def _on_wish(self, key: str, value: Any) -> None:
        self._wish[key] = value
