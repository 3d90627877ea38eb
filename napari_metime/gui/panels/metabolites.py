"""Step 3: measure the metabolites."""

from __future__ import annotations

from napari_metime.gui.forms import Row
from napari_metime.gui.panels.step_panel import StepPanel

PANELS = [("built-in metabolites", "builtin"), ("no panel", None)]
NORMALIZATIONS = [
    ("total ion current", "tic"),
    ("root mean square", "rms"),
    ("median", "median"),
    ("nothing", "none"),
]


class MetabolitesPanel(StepPanel):
    """Measure the panel and further m/z."""

    step = "metabolites"
    sentence = "Takes the ion image of each metabolite of the panel that this file can show."
    verb = "Measure"
    rows = (
        Row("channels", "panel", "Panel", choices=PANELS, files="Panel table (*.csv)"),
        Row("channels", "mz", "Further m/z", empty="89.0244, 175.119, …"),
        Row("ims", "tolerance_ppm", "Tolerance"),
    )
    more_rows = (Row("ims", "normalize", "Normalise by", choices=NORMALIZATIONS),)
