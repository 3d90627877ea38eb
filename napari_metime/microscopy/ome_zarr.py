"""OME-Zarr (0.1 to 0.5, on zarr 2 and 3) as lazy levels. Local folders only."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from napari_metime.errors import MicroscopyError
from napari_metime.microscopy.image import MAX_CHANNELS, Found, check_piece
from napari_metime.microscopy.lazy import LazyArray, PieceCache

UM = {"meter": 1e6, "decimeter": 1e5, "centimeter": 1e4, "millimeter": 1e3, "micrometer": 1.0, "nanometer": 1e-3}
UM |= {"angstrom": 1e-4, "picometer": 1e-6, "inch": 25_400.0, "µm": 1.0, "um": 1.0, "micron": 1.0, "nm": 1e-3}
"""µm of the units of length that the format recommends (UDUNITS-2), and of what some write in their place."""
OLDEST_AXES = ("t", "c", "z", "y", "x")
MAX_METADATA_BYTES = 64_000_000
MAX_LEVELS = 40


def read_ome_zarr(path: Path) -> Found:
    """Open the first image of an OME-Zarr folder.

    Raises
    ------
    MicroscopyError
        It is damaged, or has no OME metadata that say what is y and x.
    """
    try:
        return _found(path)
    except MicroscopyError:
        raise
    except Exception as error:
        # Broad on purpose: damaged metadata raise any error of zarr, numcodecs or json. Only the reading of one
        # outside folder stands in the try.
        raise MicroscopyError(
            f"{path.name}: expected an OME-Zarr, found what cannot be read ({error!s:.160}); save it again"
        ) from error


def _found(path: Path) -> Found:
    folder, told = _image_folder(path)
    attributes = _attributes(folder)
    multiscales = attributes.get("multiscales")
    if not (isinstance(multiscales, list) and multiscales and multiscales[0].get("datasets")):
        raise MicroscopyError(
            f"{path.name}: expected an OME-Zarr with multiscales metadata, found "
            f"{'a plate' if 'plate' in attributes else 'none'}; name one image of it, or save it as OME-Zarr"
        )
    image = multiscales[0]
    if len(multiscales) > 1:
        told.append(f"{path.name} holds {len(multiscales)} images; the first is taken.")
    axes, units = _axes(path, image)
    group = zarr.open_group(zarr.storage.LocalStore(folder, read_only=True), mode="r", use_consolidated=False)
    arrays = [_array(path, group, d["path"]) for d in image["datasets"][:MAX_LEVELS]]
    cache = PieceCache()
    levels = tuple(_level(path, array, axes) for array in arrays)
    for axis, n in zip(axes, arrays[0].shape, strict=True):
        if axis not in "cyx" and n > 1:
            told.append(f"{path.name} has {n} planes along {axis}; the first is taken.")
    scales = [_scale(d, image, axes) for d in image["datasets"][:MAX_LEVELS]]
    factors: tuple[tuple[float, float], ...] = ()
    size_um = None
    first = scales[0]
    if first is not None and all(s is not None for s in scales):
        factors = tuple((s[0] / first[0], s[1] / first[1]) for s in scales if s is not None)
    if first is not None and all(unit in UM for unit in units):
        size_um = (first[0] * UM[units[0]], first[1] * UM[units[1]])
    elif first is not None and set(first) != {1.0}:
        told.append(f"{path.name} has a scale without a unit of length; set microscopy.pixel_size_um.")
    version = attributes.get("version") or image.get("version") or "version not said"
    return Found(
        format=f"OME-Zarr {version}",
        levels=levels,
        channel_names=_names(attributes),
        is_rgb=False,
        pixel_size_um=size_um,
        cache=cache,
        stated_factors=factors,
        warnings=tuple(told),
    )


def _image_folder(path: Path) -> tuple[Path, list[str]]:
    """Return the folder of the image itself: Bio-Formats writes several into one, by number."""
    if "bioformats2raw.layout" not in _attributes(path):
        return path, []
    others = sum(1 for n in range(1, 1000) if (path / str(n)).is_dir())
    return path / "0", [f"{path.name} holds {others + 1} images; the first is taken."] if others else []


def _attributes(folder: Path) -> Mapping[str, Any]:
    """Read the attributes of a group as they lie there: of zarr 3 those of OME, of zarr 2 all."""
    for name in ("zarr.json", ".zattrs"):
        file = folder / name
        if not file.is_file():
            continue
        if file.stat().st_size > MAX_METADATA_BYTES:
            raise ValueError(f"{name} of {file.stat().st_size:,} bytes")
        found = json.loads(file.read_text(encoding="utf-8"))
        if name == "zarr.json":
            found = found.get("attributes", {})
            found = found.get("ome", found)
        if not isinstance(found, dict):
            raise ValueError(f"{name} holds no attributes")
        return found
    return {}


def _axes(path: Path, image: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, str]]:
    """Return the names of the axes, and the units of y and x."""
    given = image.get("axes", OLDEST_AXES)
    axes = tuple(str(axis["name"] if isinstance(axis, dict) else axis).lower() for axis in given)
    if axes.count("y") != 1 or axes.count("x") != 1 or axes.count("c") > 1:
        raise MicroscopyError(
            f"{path.name}: expected axes y and x and perhaps c, found {', '.join(axes)}; save it with them"
        )
    unit = {name: str(axis.get("unit", "")) for name, axis in zip(axes, given, strict=True) if isinstance(axis, dict)}
    return axes, (unit.get("y", ""), unit.get("x", ""))


def _array(path: Path, group: zarr.Group, name: str) -> zarr.Array[Any]:
    parts = PurePosixPath(str(name)).parts
    if not parts or name.startswith("/") or ".." in parts:
        raise ValueError(f"a level named {name!r}")
    array = group[str(name)]
    if not isinstance(array, zarr.Array):
        raise ValueError(f"level {name!r} is no array")
    if array.dtype.kind not in "buif":  # zarr itself lets pickle encode nothing but objects
        raise MicroscopyError(f"{path.name}: expected an array of real numbers, found {array.dtype}; save it as such")
    check_piece(path, array.chunks, array.dtype)
    return array


def _level(path: Path, array: zarr.Array[Any], axes: tuple[str, ...]) -> LazyArray:
    if len(axes) != array.ndim:
        raise ValueError(f"{len(axes)} axes for an array of {array.ndim}")
    at = {axis: i for i, axis in enumerate(axes)}
    size = dict(zip(axes, array.shape, strict=True))
    if size.get("c", 1) > MAX_CHANNELS:
        raise MicroscopyError(f"{path.name}: expected up to {MAX_CHANNELS:,} channels, found {size['c']:,}")
    kept = [axis for axis in axes if axis in "cyx"]
    order = [kept.index(axis) for axis in "cyx" if axis in kept]
    native = array.dtype.newbyteorder("=")

    def read(key: tuple[slice, ...]) -> NDArray[Any]:
        asked = dict(zip("cyx", key, strict=True))
        try:
            found = np.asarray(array[tuple(asked.get(axis, 0) for axis in axes)])
        except Exception as error:  # broad on purpose, as in ``read_ome_zarr``
            raise MicroscopyError(
                f"{path.name}: expected pixels from row {key[1].start:,}, column {key[2].start:,}, "
                f"found what cannot be read ({error!s:.160}); save the image again"
            ) from error
        found = found.transpose(order).astype(native, copy=False)
        return found if "c" in kept else found[None][key[0]]

    return LazyArray(
        (size.get("c", 1), size["y"], size["x"]), native, (array.chunks[at["y"]], array.chunks[at["x"]]), read
    )


def _scale(dataset: Mapping[str, Any], image: Mapping[str, Any], axes: tuple[str, ...]) -> tuple[float, float] | None:
    """Return the scale (y, x) of a level, its own times that of all; None where it has none."""
    own = _scale_of(dataset.get("coordinateTransformations"), axes)
    of_all = _scale_of(image.get("coordinateTransformations"), axes) or (1.0, 1.0)
    return None if own is None else (own[0] * of_all[0], own[1] * of_all[1])


def _scale_of(transformations: Sequence[Mapping[str, Any]] | None, axes: tuple[str, ...]) -> tuple[float, float] | None:
    for one in transformations or ():
        if one.get("type") == "scale" and len(one.get("scale", ())) == len(axes):
            y, x = (float(one["scale"][axes.index(axis)]) for axis in "yx")
            if not (np.isfinite([y, x]).all() and y > 0 and x > 0):
                raise ValueError(f"a scale of {y:g} x {x:g}")
            return y, x
    return None


def _names(attributes: Mapping[str, Any]) -> tuple[str, ...]:
    channels = (attributes.get("omero") or {}).get("channels") or []
    return tuple(str(channel.get("label") or "") for channel in channels[:MAX_CHANNELS])
