"""Step 1: open the imzML."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout

from napari_metime.gui.panels.index_block import IndexBlock
from napari_metime.gui.panels.start_block import StartBlock
from napari_metime.gui.panels.step_panel import StepPanel, restyle
from napari_metime.gui.state.made import Opened
from napari_metime.gui.widgets.editors import ChoiceEditor, TextEditor
from napari_metime.gui.widgets.forms import Row

RECALIBRATIONS = [("no", "none"), ("once for the file", "file"), ("row by row", "row")]


class DataPanel(StepPanel):
    """Choose a file, or try the sample section."""

    files_chosen = Signal(object)
    """Paths of any kind, to be handed to their steps."""

    step = "data"
    sentence = "Opens an imzML, shows its total ion current and says what is in it."
    brings = "Needs an .imzML, with its .ibd beside it."
    verb = "Read file"
    rows = (
        Row("section", "id", "Section name", empty="the file's name"),
        Row("ims", "pixel_size_um", "Pixel size", empty="as in the file"),
        Row("ims", "part", "Part", choices=[("the whole file", None)]),
    )
    more_rows = (
        Row("ims", "recalibrate", "Recalibrate", choices=RECALIBRATIONS),
        Row("ims", "lock_mz", "Lock masses", empty="the panel's ions"),
        Row("ims", "polarity", "Polarity", empty="as in the file"),
        Row("ims", "plane", "Plane (z)", empty="the lowest"),
        Row("ims", "skip_broken", "Skip what is cut off"),
        Row("seed", "", "Random seed"),
    )

    def build(self, box: QVBoxLayout) -> None:
        """Add the ways to a file, then the settings of the chosen one."""
        self.start = StartBlock(self.bench, self.files_chosen)
        self.choose, self.sample = self.start.choose, self.start.sample
        box.addWidget(self.start)
        super().build(box)

    def empty_line(self) -> str:
        """Name the file where one was chosen."""
        path = self.session.get("ims", "path")
        return path.name if path is not None else ""

    def can_run(self) -> bool:
        """Whether a file was chosen."""
        return self.session.get("ims", "path") is not None

    def settings_in_words(self) -> str:
        """Name the file before its settings."""
        opened, part = self.session.value("data"), self.session.get("ims", "part")
        size = [] if opened is None else [f"{_size(opened)} µm pixels"]
        return " · ".join([self.empty_line(), *size, *([] if part is None else [f"part {part}"])])

    def refresh(self) -> None:
        """Show the session; before there is a file, only how to get one."""
        self._name_by_file()
        super().refresh()
        chosen, idle = self.can_run(), self.session.running is None
        self.start.setVisible(idle)
        self.start.show_ways(is_chosen=chosen)
        self.forms[0].setVisible(chosen)
        self.primary.setVisible(chosen and self.session.state("data") != "done")
        self.button_row.setVisible(chosen and idle)
        self._offer_parts()
        self._tell_defaults()
        self.forms[1].set_row_visible("ims", "lock_mz", self.session.get("ims", "recalibrate") != "none")
        self.index.refresh()

    def build_after(self, box: QVBoxLayout) -> None:
        """Add the index."""
        self.index = IndexBlock(self.bench.indexing)
        box.addWidget(self.index)

    def _name_by_file(self) -> None:
        path, editor = self.session.get("ims", "path"), self.forms[0].editors["section", "id"]
        assert isinstance(editor, TextEditor)
        if path is not None:
            editor.stand_in(path.stem)

    def _tell_defaults(self) -> None:
        """Say what the file's own values are, where they are taken."""
        opened = self.session.value("data")
        size, polarity = self.forms[0].editors["ims", "pixel_size_um"], self.forms[1].editors["ims", "polarity"]
        assert isinstance(size, TextEditor)
        assert isinstance(polarity, ChoiceEditor)
        is_own = opened is not None and self.session.is_current("data")
        own = _size(opened) if is_own else ""
        asks = "expected a pixel size" in self.session.error("data")
        size.hint("not in the file: enter it" if asks else f"{own}, as in the file" if own else "as in the file")
        restyle(size.line, "look", "asks" if asks else "")
        stated = self.session.get("ims", "polarity")
        sign = f"{opened.dataset.polarity}, as in the file" if is_own and stated is None else "as in the file"
        polarity.offer([(sign, None), ("positive", "positive"), ("negative", "negative")])
        polarity.show(stated)

    def _offer_parts(self) -> None:
        opened = self.session.value("data")
        names = opened.parts if opened is not None else ()
        editor = self.forms[0].editors["ims", "part"]
        assert isinstance(editor, ChoiceEditor)
        editor.offer([("the whole file", None), *((name, name) for name in names)])
        editor.show(self.session.get("ims", "part"))
        self.forms[0].set_row_visible("ims", "part", len(names) > 1 or self.session.get("ims", "part") is not None)


def _size(opened: Opened) -> str:
    """Write the size of a pixel, height first where it is not square."""
    return " × ".join(f"{um:g}" for um in dict.fromkeys(opened.dataset.grid.spacing_um))
