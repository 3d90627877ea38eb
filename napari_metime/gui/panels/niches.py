"""Step 6: find the cold niches."""

from __future__ import annotations

from napari_metime.export.words import number
from napari_metime.gui.panels.step_panel import StepPanel
from napari_metime.gui.widgets.editors import ChoiceEditor, TextEditor
from napari_metime.gui.widgets.forms import Row
from napari_metime.section import NicheResult, Tissue

DOMAINS = [("tumour bed", "tumor_bed"), ("all tissue", "tissue")]
REFERENCES = [("all cells", "all"), ("immune cells", "immune"), ("cells that are no tumour", "non_tumor")]
FILES = "Mask or polygons (*.tif *.tiff *.npy *.geojson *.json)"
COVARIATES = [("share of tumour cells", "tumor_fraction"), ("cell density", "cell_density"), ("depth", "depth")]
GRADES = (
    Row("niches", "grades.desert_per_mm2", "Desert below"),
    Row("niches", "grades.inflamed_cold_fraction", "Inflamed up to"),
    Row("niches", "grades.ring_width_um", "Ring width"),
    Row("niches", "grades.ring_gap_um", "Ring gap"),
    Row("niches", "grades.min_ring_expected", "Ring expects"),
    Row("niches", "grades.min_ring_to_rest", "Ring over rest"),
    Row("niches", "grades.min_ring_to_core", "Ring over niche"),
    Row("niches", "grades.min_ring_to_core_low", "Its lower limit"),
    Row("niches", "grades.min_log2_suppression", "Suppression"),
    Row("niches", "grades.max_q_suppression", "Suppression q"),
    Row("niches", "grades.margin_um", "Tumour margin"),
    Row("niches", "grades.mixing_radius_um", "Mixing within"),
)
LYMPHOID = (
    Row("niches", "mask_lymphoid", "Leave them out"),
    Row("niches", "lymphoid.b", "B cell types", empty="recognised by name"),
    Row("niches", "lymphoid.t", "T cell types", empty="recognised by name"),
)


class NichesPanel(StepPanel):
    """Where it is cold, and how sure."""

    step = "niches"
    sentence = "Finds regions with significantly fewer effector cells than the cells there lead one to expect."
    verb = "Find niches"
    tells_much = True
    rows = (
        Row("niches", "domain", "Look in", choices=DOMAINS, files=FILES),
        Row("niches", "radius_um", "Window radius", empty="auto", says="window {}"),
        Row("niches", "n_permutations", "Random shuffles", says="{} shuffles"),
    )
    more_rows = (
        Row("niches", "alpha", "Error rate"),
        Row("niches", "max_rate_ratio", "Largest ratio"),
        Row("niches", "min_tumor_fraction", "Tumour fraction"),
        Row("niches", "reference", "Counted among", choices=REFERENCES),
        Row("niches", "inflamed", "Inflamed too"),
        Row("associations", "covariates", "Adjusted for", choices=COVARIATES),
    )
    more_folds = (("Cut-offs of grades", GRADES), ("Lymphoid structures", LYMPHOID))

    def refresh(self) -> None:
        """Show the session; a domain may be a region of the tissue, where there are some."""
        super().refresh()
        tissue: Tissue | None = self.session.value("tissue")
        named = () if tissue is None or tissue.regions is None else tissue.regions.labels_of
        editor = self.forms[0].editors["niches", "domain"]
        assert isinstance(editor, ChoiceEditor)
        editor.offer([*DOMAINS, *((f"region {name}", f"region:{name}") for name in named)])
        editor.show(self.session.get("niches", "domain"))
        found: NicheResult | None = self.session.value("niches")
        radius = self.forms[0].editors["niches", "radius_um"]
        assert isinstance(radius, TextEditor)
        is_known = found is not None and found.map.radius_um > 0 and self.session.is_current("niches")
        radius.hint(f"auto: {number(found.map.radius_um)}" if found and is_known else "auto")
