"""Roles: proposed from the name by plain rules."""

from __future__ import annotations

import pytest

from napari_metime.cells import propose_roles

PROPOSED = {
    "effector": ["CD8", "CD8+ T cell", "cd8a", "Immune: CD8", "CD8-T", "Cytotoxic T", "GZMB+", "CD3+CD8+FOXP3-"],
    "suppressor": ["Treg", "T_reg FOXP3", "FoxP3+ CD8+", "Macrophage M2", "M2-like", "CD163+", "CD206", "PMN-MDSC"],
    "tumor": ["Tumor", "tumour cells", "PanCK+", "pan-cytokeratin", "ECAD", "E-cadherin", "Epithelial", "Cancer"],
    "other": [
        "Fibroblast",
        "B",
        "CD80",
        "CD86+",
        "CD8-",
        "CD8\N{MINUS SIGN}",
        "CD3+ CD8neg",
        "PanCK-",
        "non-tumor",
        "Tumor-associated macrophage",
        "Cancer-associated fibroblast",
        "Endothelial",
        "CAM20",
        "unassigned",
        "",
    ],
}


@pytest.mark.parametrize(("role", "name"), [(role, name) for role, names in PROPOSED.items() for name in names])
def test_role_is_proposed_from_the_name(role: str, name: str) -> None:
    assert propose_roles([name]) == {name: role}
