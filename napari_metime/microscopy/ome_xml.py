"""What OME XML says of an image: physical pixel size and names of channels."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass

from napari_metime.errors import MicroscopyError

MAX_XML_CHARACTERS = 64_000_000
UM = {"m": 1e6, "dm": 1e5, "cm": 1e4, "mm": 1e3, "µm": 1.0, "μm": 1.0, "um": 1.0, "nm": 1e-3, "pm": 1e-6, "Å": 1e-4}
"""µm of the units of OME that are lengths; pixel and reference frame are none. µ is written with either letter."""


@dataclass(frozen=True, slots=True)
class OmeImage:
    """The first image of an OME XML.

    Parameters
    ----------
    pixel_size_um : (y, x); None where the file does not say
    channel_names : one a channel, empty where it has none
    files : names of the files that hold its planes, where it says
    n_images : images that the file describes
    warnings : what could not be taken
    """

    pixel_size_um: tuple[float, float] | None
    channel_names: tuple[str, ...]
    files: frozenset[str]
    n_images: int
    warnings: tuple[str, ...] = ()


def read_ome_xml(text: str, file_name: str) -> OmeImage:
    """Read the first image of an OME XML.

    Raises
    ------
    MicroscopyError
        It is no XML, holds a document type (entities can fill the memory), or has no image.
    """
    if len(text) > MAX_XML_CHARACTERS or "<!DOCTYPE" in text.upper():
        raise MicroscopyError(
            f"{file_name}: expected OME XML of up to {MAX_XML_CHARACTERS:,} characters without a document type, "
            "found another; save the image again"
        )
    try:
        root = ET.fromstring(text)
    except (ET.ParseError, ValueError) as error:
        raise MicroscopyError(
            f"{file_name}: expected OME XML, found what is none ({error}); save the image again"
        ) from error
    images = [element for element in root if _tag(element) == "Image"]
    pixels = next((element for image in images for element in image if _tag(element) == "Pixels"), None)
    if pixels is None:
        raise MicroscopyError(f"{file_name}: expected an image in the OME XML, found none; save the image again")
    size_um, told = _pixel_size(pixels, file_name)
    return OmeImage(
        pixel_size_um=size_um,
        channel_names=tuple(_names(pixels)),
        files=frozenset(e.attrib["FileName"] for e in pixels.iter() if _tag(e) == "UUID" and e.attrib.get("FileName")),
        n_images=len(images),
        warnings=told,
    )


def _tag(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _names(pixels: ET.Element) -> list[str]:
    """Return the name of each channel; one of several samples has it several times."""
    names: list[str] = []
    for channel in pixels:
        if _tag(channel) == "Channel":
            samples = channel.attrib.get("SamplesPerPixel", "1")
            n_samples = int(samples) if samples.isdecimal() and int(samples) <= 16 else 1
            name = channel.attrib.get("Name") or channel.attrib.get("Fluor") or ""
            names += [name] if n_samples == 1 else [f"{name} {i}".strip() for i in range(n_samples)]
    return names


def _pixel_size(pixels: ET.Element, file_name: str) -> tuple[tuple[float, float] | None, tuple[str, ...]]:
    size: list[float] = []
    for axis in "YX":
        value = pixels.attrib.get(f"PhysicalSize{axis}")
        unit = pixels.attrib.get(f"PhysicalSize{axis}Unit", "µm")  # the schema's own default
        if value is None:
            return None, ()
        try:
            size.append(float(value) * UM[unit])
        except (KeyError, ValueError):
            told = f"{file_name} says {value!r:.40} {unit!r:.40} per pixel, which is no length; left out."
            return None, (told,)
    return (size[0], size[1]), ()
