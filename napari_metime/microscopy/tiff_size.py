"""The pixel size that a plain TIFF states, where it says a unit."""

from __future__ import annotations

import tifffile

from napari_metime.microscopy.ome_xml import UM

PRINT_UM = 80.0
"""From 300 dots per inch (85 µm) on it is the resolution of a print or screen that some program filled in."""
IMAGEJ_UM = {**UM, "micron": 1.0, "microns": 1.0, "micrometer": 1.0, "\\u00B5m": 1.0, "inch": 25_400.0}
TAG_UM = {2: 25_400.0, 3: 10_000.0}
"""µm of the units that a ResolutionUnit may name: inch, centimetre."""


def size_by_tags(file: tifffile.TiffFile, name: str) -> tuple[tuple[float, float] | None, tuple[str, ...]]:
    """Return the pixel size (y, x) in µm by ImageJ's unit or the resolution tags, and what is doubtful about it."""
    tags = file.pages.first.tags
    per_unit = [_ratio(tags.valueof(f"{axis}Resolution")) for axis in "YX"]
    if file.is_imagej:
        unit = str((file.imagej_metadata or {}).get("unit", ""))
        unit_um = IMAGEJ_UM.get(unit.strip().rstrip("\0"))
        source = "ImageJ's unit"
    else:
        unit_um = TAG_UM.get(int(tags.valueof("ResolutionUnit", default=1)))
        source = "its resolution tags"
    if unit_um is None or not all(per_unit):
        return None, ()
    height_um, width_um = (unit_um / r for r in per_unit)
    if max(height_um, width_um) >= PRINT_UM and not file.is_imagej:
        dots = 25_400 / width_um
        return None, (f"{name} says {dots:.0f} dots per inch, which is a print's or a screen's; left out.",)
    return (height_um, width_um), (f"{name}: the pixel size is by {source}, {width_um:.4g} µm; check that it is so.",)


def _ratio(value: object) -> float:
    """Return a resolution as a number; 0 where there is none."""
    if not isinstance(value, tuple) or len(value) != 2 or not value[0] or not value[1]:
        return 0.0
    return float(value[0]) / float(value[1])
