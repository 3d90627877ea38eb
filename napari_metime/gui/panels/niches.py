"""Step 6: find the cold niches."""

from __future__ import annotations

from napari_metime.gui.forms import Row
from napari_metime.gui.panels.step_panel import StepPanel

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
    more_rows = (
        Row("niches", "alpha", "Error rate"),
        Row("niches", "max_rate_ratio", "Largest ratio"),
        Row("niches", "min_tumor_fraction", "Tumour fraction"),
        Row("niches", "reference", "Counted among", choices=REFERENCES),
        Row("niches", "mask_lymphoid", "Mask lymphoid"),
        Row("niches", "inflamed", "Inflamed too"),
    )
