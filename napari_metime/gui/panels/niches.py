"""Step 6: find the cold niches."""

from __future__ import annotations

from napari_metime.gui.forms import ChoiceEditor, Row
from napari_metime.gui.panels.step_panel import StepPanel
from napari_metime.section import Tissue

DOMAINS = [("tumour bed", "tumor_bed"), ("all tissue", "tissue")]
REFERENCES = [("all cells", "all"), ("immune cells", "immune"), ("cells that are no tumour", "non_tumor")]
FILES = "Mask or polygons (*.tif *.tiff *.npy *.geojson *.json)"


class NichesPanel(StepPanel):
    """Where it is cold, and how sure."""

    step = "niches"
    sentence = "Finds regions with significantly fewer effector cells than the cells there lead one to expect."
    verb = "Find niches"
    rows = (
        Row("niches", "domain", "Look in", choices=DOMAINS, files=FILES),
        Row("niches", "radius_um", "Window radius", empty="auto"),
        Row("niches", "n_permutations", "Labellings"),
    )
    def refresh(self) -> None:
        """Show the session; a domain may be a region of the tissue, where there are some."""
        super().refresh()
        tissue: Tissue | None = self.session.value("tissue")
        named = () if tissue is None or tissue.regions is None else tissue.regions.labels_of
        editor = self.forms[0].editors["niches", "domain"]
        assert isinstance(editor, ChoiceEditor)
        editor.offer([*DOMAINS, *((f"region {name}", f"region:{name}") for name in named)])
        editor.show(self.session.get("niches", "domain"))

    more_rows = (
        Row("niches", "alpha", "Error rate"),
        Row("niches", "max_rate_ratio", "Largest ratio"),
        Row("niches", "min_tumor_fraction", "Tumour fraction"),
        Row("niches", "reference", "Counted among", choices=REFERENCES),
        Row("niches", "mask_lymphoid", "Mask lymphoid"),
        Row("niches", "inflamed", "Inflamed too"),
    )
