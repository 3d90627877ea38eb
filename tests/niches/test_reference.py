from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_metime.niches import map_niches
from napari_metime.niches.reference import reference_cells
from napari_metime.section import CellTable

IMMUNE = [
    "CD8", "CD8+ T cell", "T cells", "B cell", "NK", "NK cells", "CD3+CD4+", "Macrophage M2", "M1 macrophages",
    "Monocyte", "MDSC", "Dendritic cell", "Neutrophils", "Mast cell", "Plasma cell", "FOXP3", "Treg", "CD45+", "CD163",
    "Immune", "Leukocyte", "lymphocyte",
]  # fmt: skip
OTHERS = ["Tumor", "Fibroblast", "Endothelial", "CD31+ vessel", "Stroma", "Epithelial", "PanCK", "Other", "CD34"]


def table(types: list[str], roles: list[str]) -> CellTable:
    n = len(types)
    place = np.zeros(n)
    names = np.arange(n).astype(str).astype(object)
    return CellTable(names, place, place, np.array(types, object), np.array(roles, object), "um")


def test_immune_types_are_told_by_their_names() -> None:
    cells = table(IMMUNE + OTHERS, ["other"] * len(IMMUNE + OTHERS))
    counts = reference_cells(cells, "immune")
    assert [name for name, yes in zip(cells.type, counts, strict=True) if yes] == IMMUNE


def test_roles_outweigh_names() -> None:
    cells = table(["X1", "X2", "CD45+ tumor", "X3"], ["effector", "suppressor", "tumor", "other"])
    assert reference_cells(cells, "immune").tolist() == [True, True, False, False]
    assert reference_cells(cells, "non_tumor").tolist() == [True, True, False, True]
    assert reference_cells(cells, "all").all()


def test_what_all_immune_cells_avoid_is_cold_among_all_cells_only(plant) -> None:  # type: ignore[no-untyped-def]
    # Effectors and suppressors are as rare in the disc, so their mixture is even.
    section = plant(0, rate=0.1, effectors_per_mm2=200.0)
    keep = ~section.disc.ravel()[section.grid.pixel_of(section.cells.x, section.cells.y)]
    keep |= (section.cells.type != "Treg") | (np.random.default_rng(0).random(keep.size) < 0.1)
    cells = section.cells
    parts = {name: getattr(cells, name)[keep] for name in ("cell_id", "x", "y", "type", "role")}
    fewer = replace(cells, **parts)

    def found(reference: str):  # type: ignore[no-untyped-def]
        options = {"n_permutations": 99, "n_draws": 1500, "reference": reference}
        return map_niches(section.grid, section.tissue, fewer, domain="tumor_bed", **options)  # type: ignore[arg-type]

    among_all, among_immune = found("all"), found("immune")
    assert among_all.n_niches == 1
    assert not (among_immune.labels[section.disc] > 0).any()
    # The domain and the map of coldness stay those of all cells.
    assert np.array_equal(among_all.domain, among_immune.domain)
    np.testing.assert_array_equal(among_all.coldness, among_immune.coldness)


@pytest.mark.parametrize("reference", ["immune", "non_tumor"])
def test_a_niche_of_effectors_alone_is_cold_among_their_kind(plant, reference: str) -> None:  # type: ignore[no-untyped-def]
    section = plant(1, rate=0.05, effectors_per_mm2=200.0)
    # Suppressors are 60 per mm² everywhere: enough of them for windows with 30 cells of the reference.
    found = map_niches(
        section.grid,
        section.tissue,
        section.cells,
        domain="tumor_bed",
        n_permutations=99,
        n_draws=1500,
        radius_um=220.0,
        reference=reference,  # type: ignore[arg-type]
    )
    if reference == "non_tumor":
        assert (found.labels[section.disc] > 0).mean() > 0.4
    else:
        assert found.p_smallest >= 0.01
