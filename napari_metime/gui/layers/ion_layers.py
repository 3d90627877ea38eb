"""The layers of ions that are looked at: one in sight, three as red, green and blue, and those that were kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Layer
from numpy.typing import NDArray

from napari_metime.export.images import contrast_limits
from napari_metime.gui.layers import layers
from napari_metime.gui.layers.channel_look import explain, title_of
from napari_metime.gui.layers.layers import KEY
from napari_metime.gui.layers.normalizing import known_tissue
from napari_metime.gui.layers.sight import bring_into_sight
from napari_metime.gui.state.in_sight import Slot
from napari_metime.gui.state.made import Opened
from napari_metime.gui.state.session import Session

KEPT_COLORMAPS = ("cyan", "magenta", "yellow", "bop orange", "bop purple")


def show_ion(
    viewer: ViewerModel,
    session: Session,
    slot: Slot,
    image: NDArray[np.float32],
    named: str,
    unit: str,
    *,
    alone: bool,
    comes_into_sight: bool = True,
) -> None:
    """Show an ion image in the layer of its slot, which is used again for the next one.

    Where nothing has changed, a contrast that a person has set stays.

    Parameters
    ----------
    named : what the ion is called
    unit : of its intensities, which stays with the layer: the settings may change
    alone : whether the one ion is in sight, or the three colours
    comes_into_sight : else it is only there; what is in sight stays
    """
    opened: Opened = session.value("data")
    is_found = bool((image > 0).any())
    title = title_of(named, unit, is_found=is_found)
    limits = contrast_limits(image, _inside(session))
    layer = layers.find(viewer, "ion", slot)
    if isinstance(layer, Image) and layer.data.shape == image.shape:
        layer.data = image
        if tuple(layer.scale) != opened.dataset.grid.spacing_um:
            layer.scale = opened.dataset.grid.spacing_um
        if layer.metadata["limits"] != limits or layer.metadata["of"] != title:
            _set_limits(layer, image, limits)
    else:
        layer = Image(
            image,
            colormap="inferno" if slot == "one" else slot,
            blending="translucent" if slot == "one" else "additive",
            contrast_limits=limits,
            metadata={KEY: "ion", "channel": slot},
            **layers.on_grid(opened.dataset.grid),
        )
        layer.visible = False
        layers.put(viewer, layer)
    layer.metadata.update(limits=limits, of=title, unit=unit)
    explain(layer, title, is_found=is_found, has_others=slot != "one")
    if comes_into_sight and not layer.visible:
        show_mode(viewer, alone=alone)


def show_mode(viewer: ViewerModel, *, alone: bool) -> None:
    """Show either the one ion or the three colours, with what was kept beside them; where there is none, nothing."""
    ions = [layer for layer in viewer.layers if layer.metadata.get(KEY) == "ion"]
    shown = [layer for layer in ions if (layer.metadata["channel"] == "one") == alone]
    if shown and not alone:
        shown = [layer for layer in viewer.layers if layer.metadata.get(KEY) == "kept" and layer.visible] + shown
    if shown:
        bring_into_sight(viewer, *shown, has_gaps=not alone)


def remove_ion(viewer: ViewerModel, slot: Slot) -> None:
    """Remove the layer of a slot."""
    layer = layers.find(viewer, "ion", slot)
    if layer is not None:
        viewer.layers.remove(layer)


def keep_ion(viewer: ViewerModel, layer: Layer | None, name: str, named: str) -> None:
    """Copy the image of a layer into a coloured one of its own; nothing where a person has removed that layer.

    Parameters
    ----------
    name : of the channel that it would be
    named : what it is called; its unit is that which its image was made in
    """
    if not isinstance(layer, Image):
        return
    placed = {"scale": layer.scale, "translate": layer.translate, **layers.MICROMETRES}
    is_beside = layer.blending == "additive"
    limits = (float(layer.contrast_limits[0]), float(layer.contrast_limits[1]))
    kept = _kept_layer(viewer, layer.data, name, named, layer.metadata["unit"], limits, placed, is_visible=is_beside)
    layers.put(viewer, kept)
    if kept.visible:
        layers.activate(viewer, kept)


def keep_again(
    viewer: ViewerModel, session: Session, name: str, image: NDArray[np.float32], named: str, unit: str
) -> None:
    """Give an ion that was kept before a coloured layer of its own again; what is in sight stays."""
    placed, limits = layers.on_grid(session.value("data").dataset.grid), contrast_limits(image, _inside(session))
    layers.put(viewer, _kept_layer(viewer, image, name, named, unit, limits, placed, is_visible=False))


def _kept_layer(
    viewer: ViewerModel,
    image: NDArray[np.float32],
    name: str,
    named: str,
    unit: str,
    limits: tuple[float, float],
    placed: Mapping[str, Any],
    *,
    is_visible: bool,
) -> Image:
    used = [other.colormap.name for other in viewer.layers if other.metadata.get(KEY) == "kept"]
    kept = Image(
        image,
        colormap=min(KEPT_COLORMAPS, key=used.count),
        blending="additive",
        contrast_limits=limits,
        visible=is_visible,
        metadata={KEY: "kept", "channel": name, "unit": unit},
        **placed,
    )
    explain(kept, title_of(named, unit), has_others=True)
    return kept


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
    layer = Image(
        image,
        colormap="viridis",
        contrast_limits=contrast_limits(image, _inside(session)),
        metadata={KEY: "normalization"},
        **layers.on_grid(session.value("data").dataset.grid),
    )
    explain(layer, f"normalisation ({name})")
    layers.put(viewer, layer)
    bring_into_sight(viewer, layer)


def _inside(session: Session) -> NDArray[np.bool_]:
    """Where contrast is judged: on the tissue, where that is known."""
    tissue = known_tissue(session)
    return np.asarray(session.value("data").dataset.measured if tissue is None else tissue.mask)


def _set_limits(layer: Image, image: NDArray[np.float32], limits: tuple[float, float]) -> None:
    """Change the contrast and the range of its slider, which napari only ever widens."""
    finite = image[np.isfinite(image)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else limits
    layer.contrast_limits_range = (min(low, limits[0]), max(high, limits[1]))
    layer.contrast_limits = limits
