"""What stands beside each control, and how a sentence that names a key of the recipe is told where it is seen.

Errors are raised in the words of the recipe, which the command line shows as they are. Whoever sits before the window
has controls instead: they are named by their words and the step in which they are found.
"""

from __future__ import annotations

import re

from napari_metime.gui.widgets.editors import unit_of

NO_EFFECTOR = "Choose at least one type that counts as effector."
CONTROLS = {
    "align": "the alignment (step 5)",
    "align.extra_error_um": "Serial section (step 5)",
    "align.inverse": "Other way round (step 5)",
    "align.landmarks": "the pairs (step 5)",
    "align.matrix": "Matrix (step 5)",
    "align.mirrored": "Fit mirrored (step 5)",
    "align.path": "Transform (step 5)",
    "align.refine": "Refine by the images (step 5)",
    "align.refine.channel": "Move, in Refine by the images (step 5)",
    "align.refine.transform": "It may, in Refine by the images (step 5)",
    "align.source_pixel_um": "Cells' pixel (step 5)",
    "align.target_pixel_um": "Section's pixel (step 5)",
    "align.transform": "Fit, by landmarks (step 5)",
    "associations.covariates": "Adjusted for (step 6)",
    "cells.gates": "the rules of its types",
    "cells.labels": "Label mask (step 4)",
    "cells.path": "Cell table (step 4)",
    "cells.pixel_size_um": "Microscope pixel (step 4)",
    "cells.roles": "Counts as (step 4)",
    "cells.type": "Column of type (step 4)",
    "cells.type_probability": "Column of certainty (step 4)",
    "cells.unit": "Unit of x and y (step 4)",
    "cells.x": "Column of x (step 4)",
    "cells.y": "Column of y (step 4)",
    "channels.extend": "Extend panel (step 3)",
    "channels.images": "the images that the recipe lists",
    "channels.metaspace": "METASPACE (step 3)",
    "channels.min_members": "the fewest members that the recipe asks of an axis",
    "channels.mz": "Further m/z (step 3)",
    "channels.panel": "Panel (step 3)",
    "export.report": "Report (step 7)",
    "hypotheses.cutoffs": "the cut-offs of hypotheses in the recipe",
    "ims.lock_mz": "Lock masses (step 1)",
    "ims.normalize": "Normalise by (step 3)",
    "ims.normalize_table": "Table (step 3)",
    "ims.part": "Part (step 1)",
    "ims.path": "the .imzML (step 1)",
    "ims.pixel_size_um": "Pixel size (step 1)",
    "ims.plane": "Plane (z) (step 1)",
    "ims.polarity": "Polarity (step 1)",
    "ims.recalibrate": "Recalibrate (step 1)",
    "ims.reference_mz": "Reference m/z (step 3)",
    "ims.skip_broken": "Skip what is cut off (step 1)",
    "ims.tolerance_ppm": "Tolerance (step 3)",
    "microscopy.channels": "Channels to measure (step 5)",
    "microscopy.path": "Microscopy (step 5)",
    "microscopy.pixel_size_um": "Image pixel (step 5)",
    "niches.alpha": "Error rate (step 6)",
    "niches.domain": "Look in (step 6)",
    "niches.grades": "Cut-offs of grades (step 6)",
    "niches.inflamed": "Inflamed too (step 6)",
    "niches.lymphoid": "Lymphoid structures (step 6)",
    "niches.mask_lymphoid": "Leave them out, in Lymphoid structures (step 6)",
    "niches.max_rate_ratio": "Largest ratio (step 6)",
    "niches.min_tumor_fraction": "Tumour fraction (step 6)",
    "niches.n_permutations": "Random shuffles (step 6)",
    "niches.radius_um": "Window radius (step 6)",
    "niches.reference": "Counted among (step 6)",
    "section": "the section's name or patient",
    "section.id": "Section name (step 1)",
    "section.patient": "Patient (step 7)",
    "section.site": "Site (step 7)",
    "section.timepoint": "Time point (step 7)",
    "seed": "Random seed (step 1)",
    "tissue.exclude": "Left out (step 2)",
    "tissue.method": "Method (step 2)",
    "tissue.regions": "Regions by spectra (step 2)",
}
"""Of the recipe's keys what stands beside their control and in which step; a part of one is found below it."""
VALUES = {
    "align.mirrored": {"true": "on", "false": "off"},
    "align.refine.transform": {"affine": "shift, turn and shear"},
    "align.transform": {"similarity": "similarity (scaled)", "affine": "affine (sheared)"},
    "cells.unit": {"px": "pixels (px)", "um": "micrometres (µm)"},
    "niches.domain": {"tumor_bed": "tumour bed", "tissue": "all tissue"},
    "niches.mask_lymphoid": {"true": "on", "false": "off"},
    "ims.skip_broken": {"true": ""},
}
"""How the window names the values that an error proposes."""
_PHRASES = (
    (r"--[a-z-]+, or ([a-z]+\.[a-z_]+(?:: true)?) in a recipe", r"\1"),  # an option of the command line
    (r"set ims\.pixel_size_um in the recipe \(µm\)", "enter it as Pixel size (step 1), in µm"),
    (r",? or cells\.gates to rules by markers", ""),
    (r" \(cells\.gates, ([^)]*)\)", r" (of type \1)"),
    (r"list their types in cells\.roles\.tumor", "let a type count as tumour (step 4)"),
    (r"cells\.roles\.tumor", "which types count as tumour (step 4)"),
    (r"see the boxes that info prints", "choose one of the list"),
    (r"(?<=[;,] )use transform: affine", "use align.transform: affine"),
    (r"(?<= and )align(?=$|[ ;,]|\.(?!\w))|(?<=check )align(?=[ ;,])", CONTROLS["align"]),
    (r"\bwhat align names\b", CONTROLS["align"]),
    (
        r"(the unit of the header, (\w+) \(.*)leave cells\.unit out or name other columns",
        r"\1choose \2, from the header",
    ),
    (r"\bto px or um\b", "to pixels or micrometres"),
    (r"(?<=cells\.unit to )px\b", "pixels"),
    (r"(?<=cells\.unit to )um\b", "micrometres"),
    (r"should be '(\w+)' or should be", r"should be \1, or"),
    (r"less than or equal to", "at most"),
    (r"greater than or equal to", "at least"),
    (r"should be greater than", "should be above"),
    (r"should be less than", "should be below"),
    (r", unable to parse string as an? (number|integer)", ""),
    (r"\btumor cells\b", "tumour cells"),
)
"""What is told in words of the recipe or the command line beside its keys, and how the window says it."""
_KEY = re.compile(r"(?<![\w./])([a-z]+(?:\.[a-z]\w*)+)(?:\.\d+)*(?![\w.]*[/.]\w)(?:: (\w+))?(?!\w)")
"""A key, with the place in a list and the value that follow it, if any."""
_NUMBER = re.compile(r"\b(at most|at least|above|below|found) (-?\d+(?:\.\d+)?)(?!\w|\.\d)")
_TO = re.compile(r"\bset ((?:(?!\bset\b)[^;])*?\(step \d\)): ")


def in_the_window(text: str) -> str:
    """Name the settings of a text as the window does: a person who sees a control need not know its recipe key."""
    if text.startswith("cells.roles: must list at least one effector"):
        return NO_EFFECTOR
    for told, said in _PHRASES:
        text = re.sub(told, said, text)
    named = re.match(r"([\w.]+): ", text)
    if named and (unit := unit_of(named[1])):
        text = _NUMBER.sub(lambda found: f"{found[1]} {_grouped(found[2])} {unit}", text)
    return _TO.sub(r"set \1 to ", _KEY.sub(_named, text))


def in_the_step(text: str, step_number: int) -> str:
    """Name the settings of a text as the window does, and those of the step in which it stands without its number."""
    return in_the_window(text).replace(f" (step {step_number})", "")


def error_in_words(text: str, step_number: int = 0) -> str:
    """Return an error as a sentence of the window; one that begins with the name of a file keeps it as it is."""
    said = in_the_step(text, step_number)
    return "E" + said[1:] if said.startswith("expected ") else said


def _grouped(number: str) -> str:
    return f"{int(number):,}" if number.isdigit() else number


def control_of(key: str) -> str:
    """Return what stands beside the control of a key, or of the part that it is in; empty where there is none."""
    while key.count(".") > 1 and key not in CONTROLS:  # not further: ``cells.csv`` is a file
        key = key.rpartition(".")[0]
    return CONTROLS.get(key, "")


def _named(found: re.Match[str]) -> str:
    key, value = found[1], found[2]
    control = control_of(key)
    if not control:
        return found[0]
    if value is None:
        return control
    words = VALUES.get(key, {}).get(value, value)
    return f"{control}: {words}" if words else control
