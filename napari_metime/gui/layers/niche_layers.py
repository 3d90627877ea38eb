"""What the niches step found, in layers to switch: how cold, how sure, where nothing can be said, and the niches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from napari.layers import Image, Labels, Layer
from napari.utils import Colormap, DirectLabelColormap
from napari.utils.colormaps.standardize_color import transform_color
from numpy.typing import NDArray

from napari_metime.export.colours import COLDNESS_COLOURS, GRADE_COLOURS, ROLE_COLOURS, grade_of
from napari_metime.export.images import contrast_limits
from napari_metime.gui.layers.channel_look import explain
from napari_metime.gui.layers.frame import KEY
from napari_metime.gui.widgets.colours import LYMPHOID_COLOUR, NOT_ASSESSABLE_COLOUR
from napari_metime.section import NicheMap, NicheResult

NICHE_KINDS = (
    "not assessable",
    "coldness",
    "p_local",
    "q_local",
    "membership",
    "niches",
    "lymphoid structures",
    "inflamed regions",
)
"""Every kind of layer that this step makes; what it did not find has none."""
NICHE_MAPS = NICHE_KINDS[:5]
"""Those that cover the whole domain."""
MAP_TITLES = {
    "coldness": "coldness (log₂ ratio)",
    "p_local": "local p (−log₁₀)",
    "q_local": "local q (−log₁₀)",
    "membership": "probability of a cold region",
}
FADED = "A8"
"""How opaque a niche is while another one is selected, as the last two digits of a colour."""
LEAST_P = 1e-12
"""A smaller p is shown as this one."""


def niche_layers(result: NicheResult, placed: Mapping[str, Any]) -> list[Layer]:
    """Return the layers of a result; only coldness, with what is not assessable, and the niches are in sight at first.

    Parameters
    ----------
    placed : where an image of the grid lies
    """
    found = result.map
    made: list[Layer | None] = [
        _regions("not assessable", found.domain & ~found.assessable, NOT_ASSESSABLE_COLOUR, placed, is_filled=True),
        _coldness(found, placed),
        _evidence("p_local", found.p_local, placed),
        _evidence("q_local", found.q_local, placed),
        _membership(found, placed),
        _niches(result, placed),
        _regions("lymphoid structures", found.lymphoid, LYMPHOID_COLOUR, placed),
        _regions("inflamed regions", found.hot_labels, ROLE_COLOURS["effector"], placed),
    ]
    layers = [layer for layer in made if layer is not None]
    for layer in layers:
        layer.visible = layer.metadata[KEY] in ("not assessable", "coldness", "niches")
    return layers


def label_colours(colours: Mapping[int, str]) -> DirectLabelColormap:
    """Return the colours of some labels; every other label is transparent."""
    every: dict[int | None, str] = {None: "transparent", 0: "transparent"}
    every.update(colours.items())
    return DirectLabelColormap(color_dict=every)


def as_bytes(labels: NDArray[Any]) -> NDArray[Any]:
    """Return a copy of labels, as bytes where they are few enough, as the tissue's are.

    For each type of number napari compiles anew how its colours are looked up, which takes half a second.
    """
    return labels.astype(np.uint8 if labels.max(initial=0) <= np.iinfo(np.uint8).max else np.int32)


def niche_colours(features: pd.DataFrame, selected: int = 0) -> DirectLabelColormap:
    """Return the colours of the niches by their grades; where one is selected, the others are paler."""
    grades = dict(zip(features["index"].astype(int), features["grade"], strict=True))
    pale = {label: FADED if selected not in (0, label) else "FF" for label in grades}
    return label_colours({label: GRADE_COLOURS[grade_of(grade)] + pale[label] for label, grade in grades.items()})


def _coldness(found: NicheMap, placed: Mapping[str, Any]) -> Image:
    """Show coldness opaque: what shone through would change the colours, and they would not be those of the bar."""
    _, high = contrast_limits(found.coldness, found.assessable)
    colours = np.asarray(transform_color(list(COLDNESS_COLOURS)))
    colormap = Colormap(colours, name="coldness", nan_color=(0, 0, 0, 0))
    return _image("coldness", found.coldness, colormap, (0.0, max(high, 1.0)), placed)


def _evidence(kind: str, p: NDArray[np.float32] | None, placed: Mapping[str, Any]) -> Image | None:
    """Show a p or q by its logarithm: 2 is 0.01."""
    if p is None or not np.isfinite(p).any():
        return None
    image = -np.log10(np.maximum(p, LEAST_P))
    return _image(kind, image, "magma", (0.0, max(float(np.nanmax(image)), 2.0)), placed)


def _membership(found: NicheMap, placed: Mapping[str, Any]) -> Image | None:
    if found.membership is None or not np.isfinite(found.membership).any():
        return None
    return _image("membership", found.membership, "viridis", (0.0, 1.0), placed)


def _image(
    kind: str,
    image: NDArray[np.float32],
    colormap: Colormap | str,
    limits: tuple[float, float],
    placed: Mapping[str, Any],
) -> Image:
    layer = Image(image, colormap=colormap, contrast_limits=limits, metadata={KEY: kind}, **placed)
    explain(layer, MAP_TITLES[kind])
    return layer


def _niches(result: NicheResult, placed: Mapping[str, Any]) -> Labels:
    rows = result.regions[result.regions["kind"] == "niche"]
    # napari's status bar writes every feature of what lies below the mouse, and widens the window for a long line.
    features = rows[["grade"]].assign(index=rows["region_id"].astype(int)).reset_index(drop=True)
    layer = Labels(
        as_bytes(result.map.labels),
        name="niches",
        features=features,
        colormap=niche_colours(features),
        opacity=1.0,
        metadata={KEY: "niches"},
        **placed,
    )
    layer.contour = 1
    return layer


def _regions(
    kind: str, labels: NDArray[Any] | None, colour: str, placed: Mapping[str, Any], *, is_filled: bool = False
) -> Labels | None:
    """Show regions in one colour; None where there are none."""
    if labels is None or not labels.any():
        return None
    whole = as_bytes(labels)
    colours = {int(label): colour for label in np.unique(whole) if label}
    layer = Labels(whole, name=kind, colormap=label_colours(colours), metadata={KEY: kind}, **placed)
    layer.contour = 0 if is_filled else 1
    return layer
