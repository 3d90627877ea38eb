"""One stage of a registration: SimpleITK climbs the mutual information of two pictures from a start."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_metime.alignment.lattice_warp import LatticeWarp, Points
from napari_metime.alignment.pictures import Picture
from napari_metime.errors import AlignmentError, Cancelled
from napari_metime.section import Progress

Stage = Literal["rigid", "affine", "bspline"]

N_BINS = 32
CLIPPED = 0.01
"""Share of the pixels at either end that count as the next ones: the bins are equally wide, one hot pixel would
take most of them. Our choice."""
LEVELS: dict[Stage, tuple[tuple[int, float], ...]] = {
    "rigid": ((4, 3.0), (2, 1.5), (1, 0.0)),
    "affine": ((1, 0.0),),
    "bspline": ((1, 0.0),),
}
"""Shrink factor and smoothing (pixels) of each level."""
MIN_LEVEL_PIXELS = 16
MAX_STEPS = 40
MESH = (4, 4)
"""Cells of the B-spline's mesh: 98 numbers. Our choice."""
LATTICE_POINTS = 65


@dataclass(frozen=True, slots=True, eq=False)
class Back:
    """Where a place of the fixed picture lies on the moving one: a bending, then a matrix; in section µm.

    Parameters
    ----------
    matrix : ndarray of shape (3, 3) on (x, y, 1)
    bent : applied before the matrix, or None
    """

    matrix: NDArray[np.float64]
    bent: LatticeWarp | None = None

    def __call__(self, x_um: Points, y_um: Points) -> tuple[Points, Points]:
        """Return the places on the moving picture."""
        if self.bent is not None:
            x_um, y_um = self.bent(x_um, y_um)
        (a, b, c), (d, e, f) = self.matrix[:2]
        return a * x_um + b * y_um + c, d * x_um + e * y_um + f


def load_simpleitk() -> ModuleType:
    """Import SimpleITK, which the base package does without.

    Raises
    ------
    AlignmentError
        It is not installed.
    """
    try:
        return import_module("SimpleITK")
    except ModuleNotFoundError as error:
        raise AlignmentError(
            f"expected SimpleITK to refine the alignment, found no module {error.name!r}; "
            "install it with: pip install 'napari-metime[registration]'"
        ) from error


def climb(
    fixed: Picture,
    moving: Picture,
    start: Back,
    stage: Stage,
    *,
    region: NDArray[np.bool_],
    on_progress: Progress,
) -> Back:
    """Return where the mutual information (Mattes 2001, Proc SPIE 4322:1609) is highest near ``start``.

    Parameters
    ----------
    region : ndarray of the shape of the fixed picture, bool: the pixels that count
    on_progress : told at every step; ``Cancelled`` raised from it ends the climb and is raised on

    Notes
    -----
    Conjugate gradients with line search over every pixel of the region, on one thread: no draw and no order of sums
    differs between runs.
    """
    itk = load_simpleitk()
    with _one_thread(itk):  # taken over by what is made meanwhile
        method = itk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(N_BINS)
    method.SetMetricSamplingStrategy(method.NONE)
    method.SetInterpolator(itk.sitkLinear)
    method.SetMetricFixedMask(_itk_image(itk, fixed, (region & fixed.known).astype(np.uint8)))
    method.SetMetricMovingMask(_itk_image(itk, moving, moving.known.astype(np.uint8)))
    shorter = min(fixed.image.shape)
    levels = [level for level in LEVELS[stage] if level[0] == 1 or shorter / level[0] >= MIN_LEVEL_PIXELS]
    method.SetShrinkFactorsPerLevel([factor for factor, _ in levels])
    method.SetSmoothingSigmasPerLevel([sd * max(fixed.spacing_um) for _, sd in levels])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    method.SetOptimizerAsConjugateGradientLineSearch(
        learningRate=1.0,
        numberOfIterations=MAX_STEPS,
        convergenceMinimumValue=1e-5,
        convergenceWindowSize=5,
        lineSearchMaximumIterations=8,
        estimateLearningRate=method.EachIteration,
    )
    method.SetOptimizerScalesFromPhysicalShift()
    fixed_image = _itk_image(itk, fixed, _clipped(fixed.image))
    initial = _initial(itk, fixed, fixed_image, start, stage)
    if stage == "bspline":
        method.SetMovingInitialTransform(_affine(itk, start.matrix))
    method.SetInitialTransform(initial, inPlace=True)
    stopped: list[BaseException] = []

    def step() -> None:
        # An exception that left this function would be printed and come out of Execute as another one. Stopping ends
        # one level only: those that follow are stopped at their first step.
        if stopped:
            method.StopRegistration()
            return
        try:
            on_progress(method.GetOptimizerIteration() / MAX_STEPS, f"refining the alignment ({stage})")
        except (Cancelled, KeyboardInterrupt) as error:
            stopped.append(error)
            method.StopRegistration()

    method.AddCommand(itk.sitkIterationEvent, step)
    try:
        with _one_thread(itk):
            method.Execute(fixed_image, _itk_image(itk, moving, _clipped(moving.image)))
    except RuntimeError as error:
        last = str(error).strip().splitlines()[-1][:120]
        raise AlignmentError(
            f"expected pictures that can be laid over each other, found that SimpleITK cannot ({last}); "
            "align by landmarks"
        ) from error
    if stopped:
        raise stopped[0]
    return _found(itk, fixed, initial, start, stage)


@contextmanager
def _one_thread(itk: ModuleType) -> Iterator[None]:
    # The method's own number of threads does not reach its metric, whose sums then differ in their last bits.
    before = itk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    itk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        itk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)


def _initial(itk: ModuleType, fixed: Picture, fixed_image: Any, start: Back, stage: Stage) -> Any:
    if stage == "bspline":
        return itk.BSplineTransformInitializer(fixed_image, MESH, 3)
    x_um, y_um = fixed.places()
    centre = (float(x_um.mean()), float(y_um.mean()))
    to = np.array([float(v) for v in start(np.array(centre[0]), np.array(centre[1]))]) - centre
    linear = start.matrix[:2, :2]
    if stage == "rigid":
        return itk.Euler2DTransform(centre, float(np.arctan2(linear[1, 0], linear[0, 0])), tuple(to))
    transform = itk.AffineTransform(2)
    transform.SetCenter(centre)
    transform.SetMatrix(tuple(linear.ravel()))
    transform.SetTranslation(tuple(to))
    return transform


def _affine(itk: ModuleType, matrix: NDArray[np.float64]) -> Any:
    transform = itk.AffineTransform(2)
    transform.SetMatrix(tuple(matrix[:2, :2].ravel()))
    transform.SetTranslation(tuple(matrix[:2, 2]))
    return transform


def _found(itk: ModuleType, fixed: Picture, transform: Any, start: Back, stage: Stage) -> Back:
    if stage != "bspline":
        linear = np.array(transform.GetMatrix()).reshape(2, 2)
        centre, shift = np.array(transform.GetCenter()), np.array(transform.GetTranslation())
        matrix = np.eye(3)
        matrix[:2, :2], matrix[:2, 2] = linear, centre + shift - linear @ centre
        return Back(matrix)
    # Half a pixel within the mesh, whose outer edge moves nothing.
    extent = [(n - 1) * s for n, s in zip(fixed.image.shape[::-1], fixed.spacing_um[::-1], strict=True)]
    step_um = tuple(e / (LATTICE_POINTS - 1) for e in extent)
    origin_um = (fixed.origin_um[1], fixed.origin_um[0])
    field = itk.TransformToDisplacementField(
        transform, itk.sitkVectorFloat64, (LATTICE_POINTS, LATTICE_POINTS), origin_um, step_um
    )
    shift_um = np.moveaxis(itk.GetArrayFromImage(field), -1, 0)
    return Back(start.matrix, LatticeWarp.through(origin_um, (step_um[0], step_um[1]), shift_um))


def _clipped(image: NDArray[np.float64]) -> NDArray[np.float64]:
    known = np.isfinite(image)
    low, high = np.quantile(image[known], [CLIPPED, 1 - CLIPPED])
    return np.asarray(np.clip(np.where(known, image, low), low, high), dtype=np.float64)


def _itk_image(itk: ModuleType, picture: Picture, values: NDArray[Any]) -> Any:
    image = itk.GetImageFromArray(np.ascontiguousarray(values))
    image.SetSpacing(tuple(picture.spacing_um[::-1]))
    image.SetOrigin(tuple(picture.origin_um[::-1]))
    return image
