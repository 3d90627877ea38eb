"""What the niches step found, in layers to switch: how cold, how sure, where nothing can be said, and the niches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from napari.layers import Image, Labels, Layer, Vectors
from napari.utils import Colormap, DirectLabelColormap
from napari.utils.colormaps.standardize_color import transform_color
from numpy.typing import NDArray

from napari_metime.export.colours import COLDNESS_COLOURS, GRADE_COLOURS, ROLE_COLOURS, grade_of
from napari_metime.export.images import COLDNESS_TITLE, coldness_limits
from napari_metime.gui.layers.channel_look import explain
from napari_metime.gui.layers.frame import KEY
from napari_metime.gui.layers.outlines import badges, outline_layer
from napari_metime.gui.layers.pictures import picture_image
from napari_metime.gui.widgets.colours import DOMAIN_COLOUR, LYMPHOID_COLOUR, NOT_ASSESSABLE_COLOUR
from napari_metime.section import NicheMap, NicheResult

NICHE_KINDS = (
    "not assessable",
    "coldness",
    "p_local",
    "q_local",
    "membership",
    "domain outline",
    "lymphoid structures",
    "inflamed regions",
    "niches",
    "niche numbers",
)
"""Every kind of layer that this step makes; what it did not find has none."""
SEEN_AT_FIRST = ("not assessable", "coldness", "domain outline", "niches", "niche numbers")
NICHE_MAPS = NICHE_KINDS[:5]
"""Those that cover the whole domain."""
MAP_TITLES = {
    "coldness": COLDNESS_TITLE,
    "p_local": "local p (−log₁₀)",
    "q_local": "local q (−log₁₀)",
    "membership": "probability of a cold region",
}
DOMAIN_PX = 1.0
"""Width of the outline of what was searched, half that of a niche. Our own choice."""
LEAST_P = 1e-12
"""A smaller p is shown as this one."""


def niche_layers(result: NicheResult, tissue: NDArray[np.bool_], placed: Mapping[str, Any]) -> list[Layer]:
    """Return the layers of a result; only coldness, with what is not assessable, and the niches are in sight at first.

    Parameters
    ----------
    tissue : its mask, whose own outline says what was searched where that was all of it
    placed : where an image of the grid lies
    """
    found, niches = result.map, masks_of(result.map.labels)
    colours = niche_colours(result.regions)
    made: list[Layer | None] = [
        _not_assessable(found.domain & ~found.assessable, placed),
        _coldness(found, placed),
        _evidence("p_local", found.p_local, placed),
        _evidence("q_local", found.q_local, placed),
        _membership(found, placed),
        _domain_outline(found.domain, tissue, placed),
        _outlines("lymphoid structures", found.lymphoid, LYMPHOID_COLOUR, placed),
        _outlines("inflamed regions", found.hot_labels, ROLE_COLOURS["effector"], placed),
        outline_layer("niches", niches, colours, placed["scale"]),
        badges("niche numbers", niches, colours, placed["scale"]),
    ]
    layers = [layer for layer in made if layer is not None]
    for layer in layers:
        layer.visible = layer.metadata[KEY] in SEEN_AT_FIRST
    return layers


def masks_of(labels: NDArray[Any]) -> dict[int, NDArray[np.bool_]]:
    """Return the pixels of each label but 0."""
    return {int(label): labels == label for label in np.unique(labels) if label}


def niche_colours(regions: pd.DataFrame) -> dict[int, str]:
    """Return the colour of each niche, by its grade; ``regions`` are the rows of regions.csv."""
    rows = regions[regions["kind"] == "niche"]
    labels, grades = rows["region_id"].astype(int).tolist(), rows["grade"].tolist()
    return {label: GRADE_COLOURS[grade_of(grade)] for label, grade in zip(labels, grades, strict=True)}


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


def _coldness(found: NicheMap, placed: Mapping[str, Any]) -> Image:
    """Show coldness opaque: what shone through would change the colours, and they would not be those of the bar."""
    colours = np.asarray(transform_color(list(COLDNESS_COLOURS)))
    colormap = Colormap(colours, name="coldness", nan_color=(0, 0, 0, 0))
    return _image("coldness", found.coldness, colormap, coldness_limits(found.coldness), placed)


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
    picture_image(layer)
    return layer


def _not_assessable(mask: NDArray[np.bool_], placed: Mapping[str, Any]) -> Labels | None:
    """Fill where nothing can be said; None where there is no such place."""
    if not mask.any():
        return None
    colours = label_colours({1: NOT_ASSESSABLE_COLOUR})
    kind = "not assessable"
    return Labels(mask.astype(np.uint8), name=kind, colormap=colours, opacity=1.0, metadata={KEY: kind}, **placed)


def _domain_outline(domain: NDArray[np.bool_], tissue: NDArray[np.bool_], placed: Mapping[str, Any]) -> Vectors | None:
    """Outline what was searched, thin; None where that was all of the tissue, or nothing."""
    if not domain.any() or np.array_equal(domain, tissue):
        return None
    spacing_um = placed["scale"]
    return outline_layer("domain outline", {1: domain}, {1: DOMAIN_COLOUR}, spacing_um, stripe_px=DOMAIN_PX)


def _outlines(kind: str, labels: NDArray[Any] | None, colour: str, placed: Mapping[str, Any]) -> Vectors | None:
    """Outline regions in one colour; None where there are none."""
    if labels is None or not labels.any():
        return None
    masks = masks_of(labels)
    return outline_layer(kind, masks, dict.fromkeys(masks, colour), placed["scale"])
