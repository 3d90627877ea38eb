"""Every kind of result that a project can keep, by the name that it has in the file."""

from __future__ import annotations

from napari_metime import recipe, section
from napari_metime.alignment.lattice_warp import LatticeWarp
from napari_metime.alignment.pictures import Picture
from napari_metime.alignment.refinement import Refinement
from napari_metime.alignment.thin_plate import ThinPlate
from napari_metime.ims import PixelVectors, Recalibration
from napari_metime.project.codec import Kind
from napari_metime.refining import Chain, Refined

_RESULTS = {
    each.__name__: Kind(each)
    for each in (
        section.Alignment,
        section.CellTable,
        section.Channel,
        section.ChannelSet,
        section.Dataset,
        section.Grid,
        section.IonPool,
        section.IonsByLabel,
        section.LeftOut,
        section.NicheMap,
        section.NicheNull,
        section.NicheResult,
        section.Outlines,
        section.RefinedFrom,
        section.Tissue,
        section.TissueRegions,
        Chain,
        LatticeWarp,
        Picture,
        PixelVectors,
        Recalibration,
        Refined,
        Refinement,
        ThinPlate,
    )
}
_SETTINGS = {
    each.__name__: Kind(each, split=dict)
    for each in (
        recipe.GradesRecipe,
        recipe.ImageRecipe,
        recipe.LymphoidRecipe,
        recipe.MicroscopyRecipe,
        recipe.RefineRecipe,
        recipe.RegionsRecipe,
    )
}
KINDS = {**_RESULTS, **_SETTINGS}
"""The name of a kind is part of the format: one that is renamed in the code keeps its name here."""
