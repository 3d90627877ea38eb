"""The part of step 2 that divides the tissue by its spectra: how, one button, and the regions to name."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_metime.errors import MetimeError
from napari_metime.gui.layers import layers
from napari_metime.gui.panels.step_panel import looking, say, wrapped
from napari_metime.gui.running.bench import Bench
from napari_metime.gui.running.work import divide
from napari_metime.gui.views.region_table import RegionTable
from napari_metime.gui.widgets.editors import ChoiceEditor, NumberEditor
from napari_metime.gui.widgets.rows import in_a_row, labelled
from napari_metime.recipe import RegionsRecipe
from napari_metime.section import Tissue, TissueRegions

TEACHES = (
    "Divides the tissue by its spectra, for example tumour from parenchyma in liver, so that niches are looked for in "
    "one of them."
)
HINT = "Name the regions; equal names are one region. Step 6 can look for niches in a region."
METHODS = [("k-means", "kmeans"), ("mixture of Gaussians", "mixture")]
NUMBERS: list[tuple[str, Any]] = [("automatic, up to 8", "auto"), *((str(n), n) for n in range(2, 17))]


class RegionsBlock(QWidget):
    """Shows the session's regions; what is chosen here counts once the button is pressed."""

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        looking(self, "body")
        self.bench, self.session = bench, bench.session
        self._wish: dict[str, Any] = {}
        self._stated: dict[str, Any] = {}
        self.method = ChoiceEditor(METHODS, lambda value: self._on_wish("method", value))
        self.number = ChoiceEditor(NUMBERS, lambda value: self._on_wish("n", value))
        field = RegionsRecipe.model_fields["smoothing_um"]
        self.smoothing = NumberEditor(float, field, "smoothing_um", lambda value: self._on_wish("smoothing_um", value))
        self.start, self.drop = QPushButton("Find regions"), QPushButton("Go without")
        self.start.clicked.connect(self._on_find)
        self.drop.setToolTip("Take the regions away; the tissue stays as it is")
        self.drop.clicked.connect(lambda: self._attempt("none"))
        self.table = RegionTable(self._on_name)
        self.waits, self.note, self.hint = wrapped("", "dim"), wrapped("", "plain"), wrapped(HINT, "dim")
        for button in (self.start, self.drop):
            looking(button, "second")
        buttons = in_a_row(self.start, self.drop)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(6)
        box.addWidget(wrapped(TEACHES, "dim"))
        for words, editor in (("By", self.method), ("Number", self.number), ("Smoothing", self.smoothing)):
            box.addWidget(labelled(words, editor.widget(), RegionsRecipe.model_fields[_KEYS[words]].description or ""))
        for widget in (self.waits, buttons, self.note, self.table, self.hint):
            box.addWidget(widget)

    def refresh(self) -> None:
        """Show the session."""
        session = self.session
        stated = session.get("tissue", "regions")
        if stated != self._stated:
            chosen = stated["method"] if stated["method"] != "none" else self._wish.get("method", "kmeans")
            self._stated, self._wish = stated, {"n": stated["n"], "smoothing_um": stated["smoothing_um"]}
            self._wish["method"] = chosen
        for key, editor in (("method", self.method), ("n", self.number), ("smoothing_um", self.smoothing)):
            editor.show(self._wish[key])
        tissue: Tissue | None = session.value("tissue")
        is_current = self._can_divide()
        regions = tissue.regions if tissue is not None else None
        idle = session.running is None
        self.start.setEnabled(idle and is_current)
        self.start.setText("Find again" if regions is not None else "Find regions")
        self.drop.setVisible(regions is not None)
        self.drop.setEnabled(idle and is_current)
        say(self.waits, self._waits(tissue, is_current=is_current))
        say(self.note, "" if regions is None else f"{regions.note[:1].upper()}{regions.note[1:]}.{_merged(regions)}")
        self.table.setVisible(regions is not None)
        self.table.setEnabled(idle and is_current)
        self.hint.setVisible(regions is not None and len(regions.names) > 1)
        if regions is not None:
            self.table.show_regions(regions, session.value("data").dataset.grid.pixel_area_um2)

    def _waits(self, tissue: Tissue | None, *, is_current: bool) -> str:
        if tissue is None:
            return "Waits for the tissue: find it first."
        is_idle = self.session.running is None
        return "The tissue is out of date; run it again first." if is_idle and not is_current else ""

    def _can_divide(self) -> bool:
        """Whether the tissue stands as its settings say; only what its regions were found with may have changed."""
        session = self.session
        changed = session.changed_settings("tissue") + session.changed_inputs("tissue")
        only_regions = bool(changed) and all(key[0] == "ims" for key in changed)
        return session.is_current("tissue") or (only_regions and session.can_run("tissue"))

    def _on_wish(self, key: str, value: Any) -> None:
        self._wish[key] = value

    def _on_find(self) -> None:
        self._attempt(self._wish["method"])

    def _attempt(self, method: str) -> None:
        if self.session.running is not None or not self.bench.painting.take():
            return
        names = {} if method == "none" else self.session.get("tissue", "regions")["names"]
        self.bench.attempt("tissue", "regions", {**self._wish, "method": method, "names": names}, divide)

    def _on_name(self, label: int, name: str) -> None:
        try:
            self.session.name_region(label, name)
        except MetimeError as error:
            self.session.refuse("tissue", str(error))
            self.refresh()
            return
        layers.show_regions(self.bench.viewer, self.session)
        self.refresh()


def _merged(regions: TissueRegions) -> str:
    """Say which labels are one region by their names; empty where none are."""
    several = {name: labels for name, labels in regions.labels_of.items() if len(labels) > 1}
    merged = "; ".join(f"{name} ({', '.join(map(str, labels))})" for name, labels in several.items())
    return f" Taken together by their names: {merged}." if merged else ""


_KEYS = {"By": "method", "Number": "n", "Smoothing": "smoothing_um"}
