"""Every parameter of a run once: range, unit and help. The window's forms and saved runs read it from here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from napari_metime.recipe.image import ImageRecipe

MAX_MZ = 1_000_000.0
MAX_REGIONS = 16
RoleKey = Literal["effector", "suppressor", "tumor"]
POSITIVE = Annotated[float, Field(gt=0, allow_inf_nan=False)]
MZ = Annotated[float, Field(gt=0, le=MAX_MZ)]
ROLE_KEYS: tuple[RoleKey, ...] = ("effector", "suppressor", "tumor")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SectionRecipe(_Part):
    """Who and where: copied into every table."""

    id: str = Field(min_length=1, max_length=120, description="Name of the section; tables and folders carry it")
    patient: str | None = Field(None, description="Patient that the section is from, which a cohort counts")
    site: str | None = Field(None, description="Organ or site")
    timepoint: str | None = Field(None, description="Time of sampling")

    @field_validator("id", "patient", "site", "timepoint", mode="before")
    @classmethod
    def _numbers_are_names(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value

    @field_validator("id")
    @classmethod
    def _id_is_a_file_name(cls, value: str) -> str:
        if value in (".", "..") or any(c in '/\\:*?"<>|' or ord(c) < 32 for c in value):
            raise ValueError('must be usable as a folder name (none of / \\ : * ? " < > |)')
        return value


class ImsRecipe(_Part):
    """The imaging mass spectrometry file."""

    path: Path = Field(description="The .imzML; its .ibd lies beside it")
    pixel_size_um: POSITIVE | tuple[POSITIVE, POSITIVE] | None = Field(
        None, description="Size of a pixel in µm, two numbers (y, x) where it is not square; empty = the file's own"
    )
    polarity: Literal["positive", "negative"] | None = Field(None, description="Ions of this sign; empty = the file's")
    tolerance_ppm: POSITIVE = Field(5.0, le=10_000, description="How far a peak may lie from its m/z, in ppm")
    normalize: Literal["none", "tic", "rms", "median", "reference", "table"] = Field(
        "tic", description="What the intensities of each pixel are divided by"
    )
    reference_mz: MZ | None = Field(None, description="m/z of the ion whose intensity the others are divided by")
    normalize_table: Path | None = Field(
        None, description="Table of x, y (the file's own coordinates) and the value that intensities are divided by"
    )
    recalibrate: Literal["none", "file", "row"] = Field(
        "none", description="Correct the m/z shift: once for the file, or for each pixel row"
    )
    lock_mz: tuple[MZ, ...] = Field((), description="m/z to recalibrate by; empty = the panel's ions")
    part: str | tuple[int, int, int, int] | None = Field(
        None,
        description="Which one of several sections in the file: its name, or a box (row_min, col_min, row_max, "
        "col_max); each = one run a part",
    )
    plane: int | None = Field(None, description="z of the plane to take where a file has several; empty = the lowest")
    skip_broken: bool = Field(False, description="Where the .ibd is cut short, open the spectra that it still holds")

    @model_validator(mode="after")
    def _normalization_has_its_source(self) -> ImsRecipe:
        if self.normalize == "reference" and self.reference_mz is None:
            raise ValueError("normalize: reference needs reference_mz, the m/z of the ion to divide by")
        if self.normalize == "table" and self.normalize_table is None:
            raise ValueError("normalize: table needs normalize_table, a table of x, y and value")
        return self


class RegionsRecipe(_Part):
    """How the tissue is divided into regions by its spectra."""

    method: Literal["none", "kmeans", "mixture"] = Field(
        "none", description="k-means or a mixture of Gaussians, by the components of strong peaks; none = not divided"
    )
    n: Literal["auto"] | Annotated[int, Field(ge=1, le=MAX_REGIONS)] = Field(
        "auto", description="Number of regions; auto = proposed by prediction strength, up to 8"
    )
    smoothing_um: float = Field(
        50.0, ge=0, le=10_000, description="Standard deviation of the Gaussian that smooths the ion images; 0 = none"
    )
    names: dict[int, str] = Field(
        {}, description="Names by label: {1: tumour, 2: tumour, 3: parenchyma}; labels with one name are one region"
    )

    @field_validator("names", mode="before")
    @classmethod
    def _labels_are_numbers(cls, value: Any) -> Any:
        for label in value if isinstance(value, dict) else ():
            if isinstance(label, bool) or not str(label).isdecimal() or not 1 <= int(label) <= MAX_REGIONS:
                raise ValueError(f"must be names by label, 1 to {MAX_REGIONS}, but one is {label!r:.40}")
        return {} if value is None else value

    @field_validator("names")
    @classmethod
    def _names_are_words(cls, value: dict[int, str]) -> dict[int, str]:
        for label, name in value.items():
            if not name or name != name.strip() or not name.isprintable() or len(name) > 60:
                raise ValueError(f"the name of {label} must be one line of 1 to 60 characters without spaces around it")
            if name.isdecimal() and name != str(label):
                raise ValueError(f"the name of {label} must not be another number, as numbers are labels")
        return value

    @model_validator(mode="after")
    def _names_have_their_regions(self) -> RegionsRecipe:
        if self.names and self.method == "none":
            raise ValueError("names are of regions; set tissue.regions.method to kmeans or mixture")
        return self


class TissueRecipe(_Part):
    """Which pixels are tissue."""

    method: str = Field(
        "auto",
        min_length=1,
        description="How tissue is told from background: by its spectra or total ion current, where cells are (within "
        "50 µm of one), where a channel of the microscopy is bright, or by a file (a mask image, or GeoJSON polygons "
        "in µm)",
    )
    exclude: Path | None = Field(
        None, description="What counts as not there (folds, holes, necrosis): a mask image or GeoJSON polygons (µm)"
    )
    regions: RegionsRecipe = Field(RegionsRecipe(), description="How the tissue is divided by its spectra")


class ChannelsRecipe(_Part):
    """Which images to measure."""

    panel: str | None = Field(
        "builtin", description="The metabolites to look for: those built in, those of a table, or none"
    )
    extend: Path | None = Field(None, description="Table of further metabolites beside the panel; empty = none")
    metaspace: Path | None = Field(None, description="Annotations of this dataset, as METASPACE exports them (CSV)")
    mz: tuple[MZ, ...] = Field((), description="m/z to take an image of beside the panel, with commas between")
    images: tuple[ImageRecipe, ...] = Field(
        (), description="Images of elements and markers: paths, or with a name, unit and limit of detection each"
    )
    min_members: int = Field(3, ge=1, description="Fewest measured metabolites of an axis for its score")


class CellsRecipe(_Part):
    """The cell table and what its types count as."""

    path: Path = Field(description="Cells: CSV or TSV, GeoJSON, .h5ad, or a label mask (TIFF)")
    x: str | None = Field(None, description="Column of x; empty = recognised")
    y: str | None = Field(None, description="Column of y; empty = recognised")
    type: str | None = Field(None, description="Column of the cell type; empty = recognised")
    unit: Literal["px", "um"] | None = Field(None, description="Unit of x and y; empty = as the header says")
    pixel_size_um: POSITIVE | None = Field(
        None, description="µm per pixel of the microscope, for cells counted in pixels"
    )
    labels: Path | None = Field(
        None, description="Label mask (TIFF) whose numbers are the ids of the table; gives the areas of the cells"
    )
    gates: dict[str, tuple[str, ...]] = Field(
        {}, description="Types by markers, the first that holds: {CD8 T: [CD3+, CD8+]}, or with a level: CD8 > 2.5"
    )
    type_probability: str | None = Field(
        None, description="Column of how likely the type is right (0 to 1); empty = taken as sure"
    )
    roles: dict[RoleKey, tuple[str, ...]] = Field(
        description="Cell types that count as effector, suppressor and tumor; all others count as other"
    )

    @field_validator("roles", mode="before")
    @classmethod
    def _one_type_is_a_list(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {role: (types if isinstance(types, list | tuple) else [types]) for role, types in value.items()}
        return value

    @field_validator("roles")
    @classmethod
    def _each_type_once(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        seen: dict[str, str] = {}
        for role, types in value.items():
            for name in types:
                if name in seen and seen[name] != role:
                    raise ValueError(f"type {name!r} is listed as {seen[name]} and as {role}; keep one")
                seen[name] = role
        if not value.get("effector"):
            raise ValueError("must list at least one effector type, for example {effector: [CD8]}")
        return value


class MicroscopyRecipe(_Part):
    """An image in the frame of the cells: in the pixels that they are counted in, or in their µm by its pixel size."""

    path: Path = Field(description="OME-TIFF, TIFF or OME-Zarr")
    pixel_size_um: POSITIVE | None = Field(None, description="µm per pixel of the image; empty = the file's own")
    channels: dict[str, Annotated[int, Field(ge=0)]] = Field(
        {}, description="Channels to measure on the grid, by the name that the tables use: {PD-L1: 3}; counted from 0"
    )


class RefineRecipe(_Part):
    """How the alignment is made better by the images themselves."""

    channel: Literal["cells"] | Annotated[int, Field(ge=0)] = Field(
        "cells", description="What moves: the density of the cells, or a channel of the microscopy, counted from 0"
    )
    to: Literal["tic", "components"] | MZ = Field(
        "components", description="What stays: the total ion current, the first component of the spectra, or an m/z"
    )
    transform: Literal["rigid", "affine", "bspline"] = Field("affine", description="What may change")


Matrix = tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]


class AlignRecipe(_Part):
    """How the cells come into the section frame."""

    landmarks: Path | None = Field(None, description="landmarks.csv: source_x, source_y, target_x_um, target_y_um")
    transform: Literal["rigid", "similarity", "affine", "thin_plate"] = Field(
        "similarity", description="What the landmarks fit"
    )
    mirrored: bool = Field(False, description="Whether one of the two images is mirrored (rigid, similarity)")
    matrix: Matrix | None = Field(None, description="3 x 3 on (x, y, 1), from the cell table's own unit to section µm")
    path: Path | None = Field(
        None, description="A transform that others made: 3 x 3 matrix, QuPath affine, napari-imsmicrolink, ITK text"
    )
    inverse: bool = Field(
        False, description="Take the transform the other way round than its format is taken by itself"
    )
    source_pixel_um: POSITIVE | None = Field(
        None, description="µm of a pixel of the cells, where the transform counts in µm and the table in pixels"
    )
    target_pixel_um: POSITIVE | None = Field(
        None, description="µm of a pixel of the section, where the transform counts in pixels; empty = it counts in µm"
    )
    extra_error_um: float = Field(
        0.0,
        ge=0,
        le=10_000,
        description="What else the places of the cells may be off, in µm: for a neighbouring (serial) section",
    )
    refine: RefineRecipe | None = Field(None, description="Refine by the images; empty = as the above says")

    @model_validator(mode="after")
    def _one_of_three(self) -> AlignRecipe:
        if sum(source is not None for source in (self.landmarks, self.matrix, self.path)) != 1:
            raise ValueError("must have either landmarks or matrix, or a path (or write align: none)")
        if self.path is None and (self.inverse or self.source_pixel_um or self.target_pixel_um):
            raise ValueError("inverse, source_pixel_um and target_pixel_um say how path is taken; remove them")
        if self.matrix is not None:
            (a, b, _), (d, e, _), last = self.matrix
            if not all(abs(v) <= 1e9 for row in self.matrix for v in row) or tuple(last) != (0, 0, 1):
                raise ValueError("matrix must be finite (up to 1e9) with the last row [0, 0, 1]")
            if abs(a * e - b * d) < 1e-12:
                raise ValueError("matrix must be invertible")
        return self


class GradesRecipe(_Part):
    """The cut-offs of grades and of the section's summary. All are our defaults: none is settled in the literature."""

    ring_width_um: POSITIVE = Field(100.0, le=10_000, description="Width of the ring around a niche")
    ring_gap_um: float = Field(
        50.0,
        ge=0,
        le=10_000,
        description="How far the called border may lie inside the true one: the ring begins at it or so far outside, "
        "whichever holds more effectors per mm²",
    )
    min_ring_expected: POSITIVE = Field(
        3.0, description="Fewest effectors that the ring must expect at the rest's density; below: undetermined"
    )
    min_ring_to_rest: POSITIVE = Field(1.5, description="Effectors per mm² of an excluded niche's ring over the rest")
    min_ring_to_core: POSITIVE = Field(3.0, description="Effectors per mm² of an excluded niche's ring over the niche")
    min_ring_to_core_low: POSITIVE = Field(1.5, description="Lower 95 % limit of the ratio of ring to niche")
    min_log2_suppression: float = Field(
        1.0, ge=0, le=100, description="How far log₂(suppressors / effectors) of a suppressed niche is over the rest's"
    )
    max_q_suppression: float = Field(0.05, gt=0, lt=1, description="Largest q of a suppressed niche")
    desert_per_mm2: float = Field(
        25.0,
        ge=0,
        allow_inf_nan=False,
        description="Effectors per mm² below which the whole section is a desert; a disc of 300 µm then expects 7",
    )
    inflamed_cold_fraction: float = Field(
        0.05, ge=0, le=1, description="Largest cold share of an inflamed section's assessable domain"
    )
    margin_um: POSITIVE = Field(100.0, le=10_000, description="Width of the tumour margin, inside the domain's border")
    mixing_radius_um: POSITIVE = Field(
        50.0, le=1000, description="Within this distance two cells mix, for the mixing score"
    )


class LymphoidRecipe(_Part):
    """Which cell types lymphoid structures are found by."""

    b: tuple[str, ...] = Field((), description="Types that are B cells; empty = recognised by name (B cell, CD20)")
    t: tuple[str, ...] = Field((), description="Types that are T cells; empty = recognised by name (T cell, CD3)")


class NichesRecipe(_Part):
    """Where to look for niches and how sure to be."""

    domain: str = Field(
        "tumor_bed",
        min_length=1,
        description="Where niches are looked for: the tumour bed (by the cells), all tissue, one of its regions, where "
        "a channel of the microscopy is bright, or an area from a file (a mask image, or GeoJSON polygons in µm)",
    )
    radius_um: Literal["auto"] | Annotated[float, Field(gt=0, le=2000)] = Field(
        "auto",
        description="Radius of the disc in which cells are counted, in µm, up to 2,000; auto = what the effectors need",
    )
    n_permutations: int = Field(
        999,
        ge=19,
        le=100_000,
        description="How often effectors are shuffled among the cells at random, to see what chance alone gives",
    )
    alpha: float = Field(
        0.05, gt=0, lt=0.5, description="How often a section without a niche may show one by chance; 0.05 = 1 in 20"
    )
    max_rate_ratio: float = Field(
        0.5, gt=0, lt=1, description="A niche has at most this share of the effectors that the rest lets expect"
    )
    min_tumor_fraction: float = Field(
        0.5,
        ge=0.2,
        le=0.7,
        description="Share of tumour cells from which tissue is tumour bed, over about 50 µm (Kelsall & Diggle 1995)",
    )
    reference: Literal["all", "immune", "non_tumor"] = Field(
        "all", description="Which cells the effectors are a share of, when niches are tested"
    )
    inflamed: bool = Field(False, description="Also look for regions with significantly more effectors")
    mask_lymphoid: bool = Field(False, description="Leave lymphoid structures (dense B with T cells) out of the domain")
    lymphoid: LymphoidRecipe = Field(LymphoidRecipe(), description="Which cell types lymphoid structures are found by")
    grades: GradesRecipe = Field(GradesRecipe(), description="The cut-offs of grades and of the section's summary")


class AssociationsRecipe(_Part):
    """What is removed before a channel is compared with coldness."""

    covariates: tuple[Literal["tumor_fraction", "cell_density", "depth"], ...] = Field(
        ("tumor_fraction", "cell_density"),
        description="What may explain both coldness and a metabolite, and is removed from both before they are "
        "compared; depth: the distance to the margin of the tumour bed",
    )


class HypothesesRecipe(_Part):
    """What the hypotheses of the review are held against."""

    cutoffs: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = Field(
        {},
        description="How far a channel must differ in a niche, in the direction that a hypothesis names, before that "
        "is called supported: {axis:lactate_glycolysis: 0.5}, a size in log2 or z, not below 0; none = compared with 0",
    )


class ExportRecipe(_Part):
    """What is written beside the tables."""

    report: bool = Field(True, description="Write report.html")


class Recipe(_Part):
    """One run, whole. Paths are absolute once loaded."""

    metime: Literal[1] = Field(1, description="Version of this format")
    section: SectionRecipe
    seed: int = Field(
        0, ge=0, le=2**32 - 1, description="What random draws begin with: the same number gives the same result"
    )
    ims: ImsRecipe
    tissue: TissueRecipe = TissueRecipe()
    channels: ChannelsRecipe = ChannelsRecipe()
    cells: CellsRecipe
    microscopy: MicroscopyRecipe | None = None
    align: AlignRecipe | Literal["none"] = "none"
    niches: NichesRecipe = NichesRecipe()
    associations: AssociationsRecipe = AssociationsRecipe()
    hypotheses: HypothesesRecipe = HypothesesRecipe()
    export: ExportRecipe = ExportRecipe()
