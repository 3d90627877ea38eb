"""The panel of metabolites, their ions, and which of them a file shows."""

from __future__ import annotations

from napari_metime.metabolites.choice import choose_ions
from napari_metime.metabolites.evidence import IonEvidence, ion_evidence
from napari_metime.metabolites.panel import PanelIon, measurable_ions, panel_of, read_panel

__all__ = ["IonEvidence", "PanelIon", "choose_ions", "ion_evidence", "measurable_ions", "panel_of", "read_panel"]
