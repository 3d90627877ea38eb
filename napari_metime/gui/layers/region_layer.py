"""The regions of the tissue as a layer, in colours that the table of regions shares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from napari.layers import Labels

from napari_metime.gui.layers.frame import KEY
from napari_metime.gui.layers.niche_layers import as_bytes, label_colours
from napari_metime.gui.widgets.colours import REGION_COLOURS
from napari_metime.section import TissueRegions

KIND = "tissue regions"


def region_colours(regions: TissueRegions) -> dict[int, str]:
    """Return the colour of each label: labels of one region share that of the first."""
    return {
        label: REGION_COLOURS[(labels[0] - 1) % len(REGION_COLOURS)]
        for labels in regions.labels_of.values()
        for label in labels
    }


def region_layer(regions: TissueRegions, placed: Mapping[str, Any]) -> Labels:
    """Return the layer of the regions; the name of what lies below the mouse stands in the status bar.

    Parameters
    ----------
    placed : where an image of the grid lies
    """
    layer = Labels(as_bytes(regions.labels), name=KIND, opacity=0.55, metadata={KEY: KIND}, **placed)
    show_names(layer, regions)
    layer.editable = False
    return layer


def show_names(layer: Labels, regions: TissueRegions) -> None:
    """Give the labels of a layer the names and colours of their regions."""
    layer.colormap = label_colours(region_colours(regions))
    layer.features = pd.DataFrame({"index": list(regions.names), "region": list(regions.names.values())})
