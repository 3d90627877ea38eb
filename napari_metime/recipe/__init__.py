"""Every parameter of a run once, and the file that says them."""

from __future__ import annotations

from napari_metime.recipe.files import (
    dump_recipe,
    input_files,
    is_path,
    load_recipe,
    microscopy_channel,
    parse_part,
    parse_recipe,
)
from napari_metime.recipe.parts import (
    MAX_MZ,
    ROLE_KEYS,
    AlignRecipe,
    AssociationsRecipe,
    CellsRecipe,
    ChannelsRecipe,
    ExportRecipe,
    GradesRecipe,
    ImsRecipe,
    LymphoidRecipe,
    MicroscopyRecipe,
    NichesRecipe,
    Recipe,
    RefineRecipe,
    RoleKey,
    SectionRecipe,
    TissueRecipe,
)

__all__ = [
    "MAX_MZ",
    "ROLE_KEYS",
    "AlignRecipe",
    "AssociationsRecipe",
    "CellsRecipe",
    "ChannelsRecipe",
    "ExportRecipe",
    "GradesRecipe",
    "ImsRecipe",
    "LymphoidRecipe",
    "MicroscopyRecipe",
    "NichesRecipe",
    "Recipe",
    "RefineRecipe",
    "RoleKey",
    "SectionRecipe",
    "TissueRecipe",
    "dump_recipe",
    "input_files",
    "is_path",
    "load_recipe",
    "microscopy_channel",
    "parse_part",
    "parse_recipe",
]
