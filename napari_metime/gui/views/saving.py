"""Saving a part of the open file: some pixels and m/z as an imzML, or ion images as OME-TIFF."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_metime import pipeline
from napari_metime.errors import OutputError
from napari_metime.export.images import write_ome_tiff
from napari_metime.gui.running.worker import Work
from napari_metime.gui.state.regions import region_mask
from napari_metime.gui.state.session import Session
from napari_metime.section import ChannelSet, Dataset, Progress

Points = Literal["all", "measured"]


def part_work(session: Session, path: Path, *, region: str, points: Points) -> Work:
    """Return the work that saves the pixels of a region, with all points or those of the measured ions."""
    dataset: Dataset = session.value("data").dataset
    mask, mz, tolerance_ppm = region_mask(session, region), None, None
    if points == "measured":
        mz, tolerance_ppm = measured_mz(session), float(session.part("ims").tolerance_ppm)
    return lambda on_progress: pipeline.save_part(
        dataset, path, mask=mask, mz=mz, tolerance_ppm=tolerance_ppm, on_progress=on_progress
    )


def measured_mz(session: Session) -> NDArray[np.float64]:
    """Return the m/z of the ion channels of step 3, shape (n,)."""
    channels: ChannelSet | None = session.value("metabolites") if session.is_current("metabolites") else None
    if channels is None:
        return np.empty(0)
    mz_of = dict(zip(channels.table["channel"], channels.table["mz"].astype(float), strict=True))
    names = [channel.name for channel in channels.channels if channel.kind == "ion"]
    return np.array([mz_of[name] if name in mz_of else float(name.removeprefix("mz:")) for name in names])


def ion_images(session: Session, shown: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """Return the ion images that there are, by name: those of step 3, then those in sight."""
    channels: ChannelSet | None = session.value("metabolites") if session.is_current("metabolites") else None
    measured = () if channels is None else channels.channels
    return {channel.name: channel.image for channel in measured} | dict(shown)


def images_work(session: Session, path: Path, images: Mapping[str, NDArray[np.float32]]) -> Work:
    """Return the work that saves ion images with their names and the pixel size.

    Raises
    ------
    OutputError
        There is no ion image yet.
    """
    if not images:
        raise OutputError("expected ion images, found none; measure the metabolites or show an ion first")
    pixel_size_um = session.value("data").dataset.grid.pixel_size_um

    def work(on_progress: Progress) -> Path:
        on_progress(0.0, "writing images")
        write_ome_tiff(np.stack(list(images.values())), path, pixel_size_um=pixel_size_um, names=list(images))
        return path

    return work
