"""The layers of ions that are looked at: one in sight, three as red, green and blue, and those that were kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image
from numpy.typing import NDArray

from napari_metime.export.images import contrast_limits
from napari_metime.gui import layers
from napari_metime.gui.layers import KEY
from napari_metime.gui.made import Opened
from napari_metime.gui.niche_layers import NICHE_MAPS
from napari_metime.gui.session import Session

Slot = Literal["one", "red", "green", "blue"]
SLOTS: tuple[Slot, ...] = ("one", "red", "green", "blue")
NAMES: Mapping[Slot, str] = {"red": "ion red", "green": "ion green", "blue": "ion blue"}
KEPT_COLORMAPS = ("cyan", "magenta", "yellow", "bop orange", "bop purple")
COVERING = ("channel", "normalization", *NICHE_MAPS)


def show_ion(
    viewer: ViewerModel, session: Session, slot: Slot, image: NDArray[np.float32], title: str, *, alone: bool
) -> None:
    """Show an ion image in the layer of its slot, which is used again for the next one.

    ``title`` is what the one ion is called, with its unit; ``alone`` says whether it is in sight, or the three colours.
    """
    opened: Opened = session.value("data")
    limits = contrast_limits(image, _inside(session))
    layer = layers.find(viewer, "ion", slot)
    if isinstance(layer, Image) and layer.data.shape == image.shape:
        layer.data = image
        if slot == "one":
            layer.name = title
        if tuple(layer.scale) != opened.dataset.grid.spacing_um:
            layer.scale = opened.dataset.grid.spacing_um
        _set_limits(layer, image, limits)
        if not layer.visible:
            show_mode(viewer, alone=alone)
        return
    is_one = slot == "one"
    layer = Image(
        image,
        name=title if is_one else NAMES[slot],
        colormap="inferno" if is_one else slot,
        blending="translucent" if is_one else "additive",
        contrast_limits=limits,
        metadata={KEY: "ion", "channel": slot},
        **layers.on_grid(opened.dataset.grid),
    )
    layer.colorbar.visible = layer.name_overlay.visible = is_one
    layers.put(viewer, layer)
    show_mode(viewer, alone=alone)


def show_mode(viewer: ViewerModel, *, alone: bool) -> None:
    """Show either the one ion or the three colours; what would cover or tint them stays, but unseen."""
    for layer in viewer.layers:
        kind, slot = layer.metadata.get(KEY), layer.metadata.get("channel")
        if kind == "ion":
            layer.visible = (slot == "one") == alone
        elif kind in COVERING or (not alone and kind == "tic") or (alone and kind == "kept"):
            layer.visible = False


def remove_ion(viewer: ViewerModel, slot: Slot) -> None:
    """Remove the layer of a slot."""
    layer = layers.find(viewer, "ion", slot)
    if layer is not None:
        viewer.layers.remove(layer)


def keep_ion(viewer: ViewerModel, slot: Slot, name: str) -> None:
    """Copy the ion of a slot into a coloured layer of its own, named as the channel that it would be."""
    layer = layers.find(viewer, "ion", slot)
    if layer is None:
        return
    used = [other.colormap.name for other in viewer.layers if other.metadata.get(KEY) == "kept"]
    layers.put(
        viewer,
        Image(
            layer.data,
            name=name,
            colormap=min(KEPT_COLORMAPS, key=used.count),
            blending="additive",
            contrast_limits=layer.contrast_limits,
            visible=slot != "one",
            metadata={KEY: "kept", "channel": name},
            scale=layer.scale,
            translate=layer.translate,
            **layers.MICROMETRES,
        ),
    )


def images_in_sight(viewer: ViewerModel, names: Mapping[Slot, str]) -> dict[str, NDArray[np.float32]]:
    """Return the ion images that are in layers, by channel name; ``names`` are those of the slots."""
    found = {name: layers.find(viewer, "ion", slot) for slot, name in names.items()}
    found |= {layer.metadata["channel"]: layer for layer in viewer.layers if layer.metadata.get(KEY) == "kept"}
    return {name: layer.data for name, layer in found.items() if layer is not None}


def remove_kept(viewer: ViewerModel) -> None:
    """Remove what was made of a dataset that is open no more, and is not made again."""
    for layer in [layer for layer in viewer.layers if layer.metadata.get(KEY) in ("kept", "normalization")]:
        viewer.layers.remove(layer)


def show_normalization(viewer: ViewerModel, session: Session, vector: NDArray[np.float64], name: str) -> None:
    """Show what each pixel is divided by, for quality control."""
    image = vector.astype(np.float32)
    layers.put(
        viewer,
        Image(
            image,
            name=f"normalisation ({name})",
            colormap="viridis",
            contrast_limits=contrast_limits(image, _inside(session)),
            metadata={KEY: "normalization"},
            **layers.on_grid(session.value("data").dataset.grid),
        ),
    )
    for layer in viewer.layers:
        if layer.metadata.get(KEY) in ("ion", "channel", "coldness", "not assessable"):
            layer.visible = False
    layers.find(viewer, "normalization").visible = True


def _inside(session: Session) -> NDArray[np.bool_]:
    """Where contrast is judged: on the tissue, where that is known."""
    if session.is_current("tissue"):
        return np.asarray(session.value("tissue").mask)
    return np.asarray(session.value("data").dataset.measured)


def _set_limits(layer: Image, image: NDArray[np.float32], limits: tuple[float, float]) -> None:
    """Change the contrast and the range of its slider, which napari only ever widens."""
    finite = image[np.isfinite(image)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else limits
    layer.contrast_limits_range = (min(low, limits[0]), max(high, limits[1]))
    layer.contrast_limits = limits
