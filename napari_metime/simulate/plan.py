"""Every parameter of a simulated section, with unit, range and default."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, get_args

from napari_metime.errors import RecipeError
from napari_metime.simulate.peaks import METABOLITES, Metabolite

NicheKind = Literal["desert", "excluded"]
NicheShape = Literal["disc", "ellipse", "ragged", "banana"]
LymphoidPlace = Literal["bed", "margin"]

EFFECTOR = "CD8"
CELL_TYPES: dict[str, str] = {
    "tumor": "Tumor",
    "cd8": EFFECTOR,
    "treg": "Treg",
    "macrophage_m2": "Macrophage M2",
    "fibroblast": "Fibroblast",
    "b_cell": "B cell",
}
"""Field of ``CellRates`` -> the name of the type in the cell table."""

MAX_RATE_PER_MM2 = 20_000.0
MAX_PIXELS = 250_000


def _check(name: str, value: object, low: float, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise RecipeError(f"{name}: expected a number from {low:g} to {high:g}, found {value!r}; change it")
    if not low <= value <= high:
        raise RecipeError(f"{name}: expected a value from {low:g} to {high:g}, found {value!r}; change it")


@dataclass(frozen=True, slots=True)
class CellRates:
    """Expected cells per mm² of each type."""

    tumor: float
    cd8: float
    treg: float
    macrophage_m2: float
    fibroblast: float
    b_cell: float

    def __post_init__(self) -> None:
        for item in fields(self):
            _check(item.name, getattr(self, item.name), 0.0, MAX_RATE_PER_MM2)


def _number(default: float, low: float, high: float, help: str) -> Any:
    return field(default=default, metadata={"low": low, "high": high, "help": help})


def _added(default: float, low: float, high: float, help: str) -> Any:
    return field(default=default, metadata={"low": low, "high": high, "help": help, "added": True})


def _choice(kind: Any, help: str) -> Any:
    return field(default=get_args(kind)[0], metadata={"choices": get_args(kind), "help": help, "added": True})


@dataclass(frozen=True)
class SectionPlan:
    """What to simulate. The defaults give the sample data.

    Raises
    ------
    RecipeError
        A value is out of its range.
    """

    seed: int = _number(0, 0, 2**32 - 1, "Seed of every random draw")
    mode: Literal["processed", "continuous"] = "processed"
    width_um: float = _number(3200.0, 200.0, 20_000.0, "Width of the acquired area (µm)")
    height_um: float = _number(2600.0, 200.0, 20_000.0, "Height of the acquired area (µm)")
    pixel_size_um: float = _number(50.0, 1.0, 500.0, "Pixel size of the mass spectrometry (µm)")
    bed_share: float = _number(0.66, 0.05, 0.8, "Share of the tissue that is tumour bed")

    bed: CellRates = CellRates(tumor=2200, cd8=180, treg=40, macrophage_m2=120, fibroblast=200, b_cell=40)
    stroma: CellRates = CellRates(tumor=60, cd8=260, treg=60, macrophage_m2=150, fibroblast=900, b_cell=120)
    cellularity_sd: float = _number(0.15, 0.0, 2.0, "Log s.d. of the density of all cells together")
    cellularity_scale_um: float = _number(200.0, 20.0, 5000.0, "Smoothing scale of that density (µm)")
    clumping_sd: float = _number(0.0, 0.0, 2.0, "Log s.d. of the effectors' own clumping")
    clumping_scale_um: float = _number(80.0, 20.0, 5000.0, "Smoothing scale of that clumping (µm)")

    n_niches: int = _number(2, 0, 100, "Number of planted cold niches")
    niche_radius_um: float = _number(300.0, 10.0, 5000.0, "Radius of a niche (µm)")
    niche_rate: float = _number(0.1, 0.0, 1.0, "Effector rate inside a niche over that of the bed")
    niche_kinds: tuple[NicheKind, ...] = ("desert", "excluded")
    ring_width_um: float = _number(100.0, 0.0, 2000.0, "Width of the ring kept free around each niche (µm)")
    ring_rate: float = _number(2.5, 0.0, 20.0, "Effector rate in the ring of an excluded niche over that of the bed")
    dense_nest_radius_um: float = _number(0.0, 0.0, 5000.0, "Radius of a dense tumour nest (µm); 0 = none")
    dense_nest_rate: float = _number(2.0, 1.0, 10.0, "Tumour density in the nest over that of the bed")

    niche_shape: NicheShape = _choice(NicheShape, "Shape of every niche, of the area of the disc")  # noqa: RUF009
    depth_gradient_per_mm: float = _added(
        0.0, 0.0, 20.0, "Effectors in the bed fall with the distance d to its margin (mm) by exp(-gradient d)"
    )
    n_lymphoid: int = _added(0, 0, 100, "Number of lymphoid structures, without tumour cells")
    lymphoid_place: LymphoidPlace = _choice(LymphoidPlace, "Where they lie")  # noqa: RUF009
    lymphoid_radius_um: float = _added(100.0, 10.0, 2000.0, "Radius of a lymphoid structure (µm)")
    lymphoid_b_cell: float = _added(4000.0, 0.0, MAX_RATE_PER_MM2, "B cells per mm² of a lymphoid structure")
    lymphoid_cd8: float = _added(1500.0, 0.0, MAX_RATE_PER_MM2, "Effectors per mm² of a lymphoid structure")

    metabolites: tuple[Metabolite, ...] = METABOLITES
    texture_sd: float = _number(0.2, 0.0, 2.0, "Log s.d. of each ion's own texture")
    texture_scale_um: float = _number(80.0, 20.0, 5000.0, "Smoothing scale of that texture (µm)")
    gain_sd: float = _number(0.2, 0.0, 2.0, "Log s.d. of the ion yield from pixel to pixel, common to all ions")
    dropout: float = _number(0.03, 0.0, 1.0, "Share of peaks that are missing at random")
    mz_jitter_ppm: float = _number(1.5, 0.0, 100.0, "S.d. of each m/z (ppm); none in continuous mode")

    microscope_pixel_size_um: float = _number(0.5, 0.05, 20.0, "Pixel size of the microscopy (µm)")
    rotation_deg: float = _number(7.0, -180.0, 180.0, "Rotation of the microscopy against the section (degrees)")
    n_landmarks: int = _number(8, 2, 100, "Number of landmarks")
    landmark_noise_um: float = _number(4.0, 0.0, 1000.0, "S.d. of a landmark in x and in y (µm)")

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if "choices" in item.metadata and value not in item.metadata["choices"]:
                choices = " or ".join(item.metadata["choices"])
                raise RecipeError(f"{item.name}: expected {choices}, found {value!r}; change it")
            if "low" in item.metadata:
                _check(item.name, value, item.metadata["low"], item.metadata["high"])
                if isinstance(item.default, int) and not isinstance(value, int):
                    raise RecipeError(f"{item.name}: expected a whole number, found {value!r}; change it")
        if self.mode not in ("processed", "continuous"):
            raise RecipeError(f"mode: expected processed or continuous, found {self.mode!r}; change it")
        if not self.niche_kinds or not set(self.niche_kinds) <= {"desert", "excluded"}:
            raise RecipeError(f"niche_kinds: expected desert and excluded, found {self.niche_kinds!r}; change it")
        rows, cols = self.shape
        if min(rows, cols) < 4 or rows * cols > MAX_PIXELS:
            raise RecipeError(
                f"expected from 4 x 4 to {MAX_PIXELS:,} pixels, found {rows} x {cols}; change the size or pixel_size_um"
            )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the acquired area."""
        return round(self.height_um / self.pixel_size_um), round(self.width_um / self.pixel_size_um)

    @property
    def bounds_um(self) -> tuple[float, float, float, float]:
        """Outer edges (left, top, right, bottom) of the acquired area in section µm."""
        (rows, cols), half = self.shape, self.pixel_size_um / 2
        return -half, -half, cols * self.pixel_size_um - half, rows * self.pixel_size_um - half

    def written(self) -> dict[str, Any]:
        """Every parameter as files state it.

        One that was added after the first version is left out where it stands at its default, so that a section
        that does without is written as it always was.
        """
        left_out = {f.name for f in fields(self) if "added" in f.metadata and getattr(self, f.name) == f.default}
        return {name: value for name, value in asdict(self).items() if name not in left_out}
