"""What is known of the row in hand, in plain words."""

from __future__ import annotations

from html import escape

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QLabel, QScrollArea, QVBoxLayout, QWidget

from napari_metime.gui.views.metabolite_rows import Entry

HINT = "Select a row: what speaks for it and against it stands here."


class MetaboliteDetails(QScrollArea):
    """Name, verdict and sentences of one entry; scrolls where they are many."""

    def __init__(self) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumWidth(180)
        self.label = QLabel()
        self.label.setWordWrap(True)
        self.label.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.label.setTextFormat(Qt.TextFormat.RichText)
        self.label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.label.setMinimumWidth(40)
        content = QWidget()
        content.setProperty("look", "body")
        box = QVBoxLayout(content)
        box.setContentsMargins(8, 2, 4, 2)
        box.addWidget(self.label)
        box.addStretch(1)
        self.setWidget(content)
        self.show_entry(None)

    def show_entry(self, entry: Entry | None) -> None:
        """Show another entry; None shows what would stand here."""
        if entry is None:
            self.label.setText(HINT)
            return
        about = "".join(f"<p style='margin: 5px 0px 0px 0px'>{escape(text)}</p>" for text in entry.about)
        self.label.setText(f"<b>{escape(entry.title)}</b><br>{escape(entry.subtitle)}{about}")
        self.verticalScrollBar().setValue(0)
