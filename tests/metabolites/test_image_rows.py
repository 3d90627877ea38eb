"""Rows of images that were brought onto the grid: which element they stand for, and what is found of them."""

from __future__ import annotations

import numpy as np
import pytest

from napari_metime.errors import RecipeError
from napari_metime.metabolites import choose_ions, read_panel
from napari_metime.metabolites.choice import COLUMNS
from napari_metime.metabolites.image_rows import stand_for_elements, with_images
from napari_metime.section import Channel

PANEL = read_panel(None)
IRON, COPPER = (next(ion.name for ion in PANEL if ion.formula == symbol) for symbol in ("Fe", "Cu"))
SHAPE = (10, 10)
TISSUE = np.zeros(SHAPE, dtype=bool)
TISSUE[:, :5] = True
_, TABLE = choose_ions(PANEL, {}, polarity="positive", mz_range=(1e5, 2e5), tolerance_ppm=5.0)


def image(name: str, on: float = 1.0, off: float = 0.0) -> Channel:
    return Channel(name, "image", np.where(TISSUE, on, off).astype(np.float32))


def rows(images: list[Channel], limits: dict[str, float] | None = None, table=TABLE):  # type: ignore[no-untyped-def]
    return with_images(table, images, limits or {}, tissue_mask=TISSUE, off_tissue=~TISSUE)


@pytest.mark.parametrize("name", [IRON, "Iron", "iron", "Fe", "FE", "56Fe", "Fe57", "Fe-57"])
def test_an_image_that_is_named_like_an_element_is_that_member(name: str) -> None:
    assert [channel.name for channel in stand_for_elements([image(name)], PANEL)] == [IRON]


@pytest.mark.parametrize("name", ["Ferritin", "Fe/Cu", "ironing", "56", "PD-L1", "Feo"])
def test_an_image_with_another_name_keeps_it(name: str) -> None:
    assert [channel.name for channel in stand_for_elements([image(name)], PANEL)] == [name]


def test_the_first_image_of_an_element_stands_for_it_and_a_second_isotope_for_itself() -> None:
    found = stand_for_elements([image("63Cu"), image("65Cu"), image("Fe")], PANEL)
    assert [channel.name for channel in found] == [COPPER, "65Cu", IRON]


def test_an_image_is_not_named_like_a_metabolite_that_has_ions() -> None:
    with pytest.raises(RecipeError, match="rename the image"):
        stand_for_elements([image("L-Lactate")], PANEL)


def test_the_row_of_an_element_is_filled_in_where_it_stands() -> None:
    before, after = TABLE.set_index("channel"), rows([image(IRON, on=4.0, off=1.0)]).set_index("channel")
    assert after.index.tolist() == before.index.tolist()
    iron = after.loc[IRON]
    assert iron[["verdict", "reason", "axis", "formula"]].tolist() == ["seen", "", "ferroptosis", "Fe"]
    assert iron["detected"]
    assert iron[["mean_intensity", "coverage", "off_coverage", "off_to_on"]].tolist() == [4.0, 1.0, 1.0, 0.25]
    assert np.isnan(iron["msm"])
    assert before.loc[IRON, "verdict"] == "cannot be seen here"
    rest = after.index != IRON
    assert after[rest].equals(before[rest])


def test_other_images_are_rows_at_the_end_without_axis_and_ion() -> None:
    found = rows([image("PD-L1"), image("Ki67", on=0.0)])
    assert tuple(found.columns) == COLUMNS
    assert len(found) == len(TABLE) + 2
    marker, absent = found.iloc[-2], found.iloc[-1]
    assert marker[["channel", "axis", "adduct", "formula", "verdict"]].tolist() == ["PD-L1", "", "", "", "seen"]
    assert np.isnan(marker["mz"])
    assert absent[["verdict", "reason"]].tolist() == ["not seen", "not found in any tissue pixel"]
    assert rows([image("PD-L1")], table=TABLE.iloc[:0])["channel"].tolist() == ["PD-L1"]


def test_values_below_the_stated_limit_are_not_found() -> None:
    values = np.where(np.arange(10) < 2, 5.0, 1.0)[:, np.newaxis] * TISSUE
    found = rows([Channel("Fe", "image", values.astype(np.float32))], {"Fe": 2.0}).iloc[-1]
    assert (found["coverage"], found["off_coverage"], found["lod"]) == (0.2, 0.0, 2.0)
    assert found["mean_intensity"] == pytest.approx((2 * 5 + 8 * 1) / 10)
    nowhere = rows([Channel("Fe", "image", values.astype(np.float32))], {"Fe": 9.0}).iloc[-1]
    assert (nowhere["verdict"], nowhere["coverage"]) == ("not seen", 0.0)


def test_an_image_that_is_as_strong_off_the_tissue_is_not_seen() -> None:
    found = rows([image("PD-L1", on=1.0, off=2.0)]).iloc[-1]
    assert found["verdict"] == "not seen"
    assert found["reason"] == "2 times as strong off the tissue as on it"


def test_pixels_that_were_not_measured_count_on_neither_side() -> None:
    values = np.where(TISSUE, 1.0, 0.0).astype(np.float32)
    values[:4], values[4] = np.nan, 0.0
    found = rows([Channel("PD-L1", "image", values)], {"PD-L1": 0.5}).iloc[-1]
    assert found["coverage"] == pytest.approx(5 / 6)
