"""Refinement by mutual information: planted moves are found, and what cannot be believed is refused."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_metime.alignment import registration
from napari_metime.alignment.lattice_warp import LatticeWarp
from napari_metime.alignment.pictures import Picture
from napari_metime.alignment.refinement import Refinement, refine
from napari_metime.errors import AlignmentError, Cancelled
from napari_metime.section import Alignment

PIXEL_UM = 25.0
SHAPE = (64, 72)
MARGIN = 20
CENTRE_UM = np.array([(SHAPE[1] - 1) / 2, (SHAPE[0] - 1) / 2]) * PIXEL_UM
ALL = np.ones(SHAPE, dtype=bool)

Points = NDArray[np.float64]


def _scene(seed: int, x_um: Points, y_um: Points) -> Points:
    """A tissue of irregular outline with bright spots, at any place."""
    rng = np.random.default_rng(seed)
    u, v = (x_um - CENTRE_UM[0]) / 750, (y_um - CENTRE_UM[1]) / 650
    angle = np.arctan2(v, u)
    outline = 1 + sum(rng.normal(0, 0.1) * np.cos(k * angle + rng.uniform(0, 6)) for k in range(2, 6))
    image = 1 / (1 + np.exp((np.hypot(u, v) - outline) * 20))
    for _ in range(5):
        a, b, sd = *rng.uniform(-500, 500, 2), rng.uniform(100, 200)
        image = image + np.exp(-((x_um - CENTRE_UM[0] - a) ** 2 + (y_um - CENTRE_UM[1] - b) ** 2) / (2 * sd**2))
    return np.asarray(image)


def _fixed(seed: int = 0) -> Picture:
    picture = Picture(np.zeros(SHAPE), (PIXEL_UM, PIXEL_UM))
    noise = np.random.default_rng(seed + 50).normal(0, 0.03, SHAPE)
    return Picture(-np.sqrt(_scene(seed, *picture.places())) + noise, picture.spacing_um)


def _moving(seed: int = 0, turn_deg: float = 0.0, shift_um: tuple[float, float] = (0.0, 0.0)) -> Picture:
    """The scene as a rough alignment shows it: turned about the centre, then shifted; noisy."""
    shape = (SHAPE[0] + 2 * MARGIN, SHAPE[1] + 2 * MARGIN)
    picture = Picture(np.zeros(shape), (PIXEL_UM, PIXEL_UM), (-MARGIN * PIXEL_UM, -MARGIN * PIXEL_UM))
    x_um, y_um = picture.places()
    z = (x_um - CENTRE_UM[0] - shift_um[0]) + 1j * (y_um - CENTRE_UM[1] - shift_um[1])
    z = z * np.exp(-1j * np.deg2rad(turn_deg))
    noise = np.random.default_rng(seed + 99).normal(0, 0.03, shape)
    image = _scene(seed, z.real + CENTRE_UM[0], z.imag + CENTRE_UM[1]) + noise
    return Picture(image, picture.spacing_um, picture.origin_um)


def _off_um(found: Refinement, turn_deg: float, shift_um: tuple[float, float]) -> Points:
    x_um, y_um = _fixed().places()
    z = (x_um - CENTRE_UM[0] + 1j * (y_um - CENTRE_UM[1])) * np.exp(1j * np.deg2rad(turn_deg))
    rough = np.stack([z.real + CENTRE_UM[0] + shift_um[0], z.imag + CENTRE_UM[1] + shift_um[1], np.ones(SHAPE)])
    x, y, _ = np.tensordot(found.matrix, rough, axes=1)
    if found.warp is not None:
        x, y = found.warp(x, y)
    return np.hypot(x - x_um, y - y_um)


@pytest.mark.parametrize("transform", ["rigid", "bspline"])
def test_a_planted_move_is_found(transform: registration.Stage) -> None:
    pytest.importorskip("SimpleITK")
    found = refine([_fixed()], _moving(0, 4.0, (100.0, -80.0)), ALL, transform)
    assert found.accepted
    assert found.information_after > found.information_before
    assert found.p_chance <= 0.02
    assert _off_um(found, 4.0, (100.0, -80.0)).max() < PIXEL_UM / 2
    assert 0 < found.error_um < PIXEL_UM


def test_a_planted_bend_is_found_and_turned_back() -> None:
    pytest.importorskip("SimpleITK")
    plain = _moving()
    x_um, y_um = plain.places()
    # From the places of the section to those of the rough alignment; the picture shows each place where it was put.
    bend_x, bend_y = 50 * np.sin(2 * np.pi * y_um / 1100), 50 * np.sin(2 * np.pi * x_um / 1100)
    scene = _scene(0, x_um + bend_x, y_um + bend_y)
    moving = Picture(scene, plain.spacing_um, plain.origin_um)
    found = refine([_fixed()], moving, ALL, "bspline")
    assert found.accepted, found.reason
    assert found.stage == "bspline"
    assert found.warp is not None
    x, y, _ = np.tensordot(found.matrix, np.stack([x_um, y_um, np.ones(x_um.shape)]), axes=1)
    x, y = found.warp(x, y)
    inner = (x_um > 300) & (x_um < 1475) & (y_um > 300) & (y_um < 1275)
    before_um = np.hypot(bend_x, bend_y)[inner]
    after_um = np.hypot(x - x_um - bend_x, y - y_um - bend_y)[inner]
    assert np.sqrt(np.mean(after_um**2)) < np.sqrt(np.mean(before_um**2)) / 2
    alignment = Alignment(found.matrix, "bspline", warp=found.warp)
    there_and_back = alignment.to_source(*alignment.to_section(x_um[inner], y_um[inner]))
    np.testing.assert_allclose(np.stack(there_and_back), np.stack([x_um[inner], y_um[inner]]), atol=1e-3)


def test_it_repeats_bit_for_bit_and_takes_the_picture_that_tells_most() -> None:
    pytest.importorskip("SimpleITK")
    unrelated = Picture(np.random.default_rng(7).normal(size=SHAPE), (PIXEL_UM, PIXEL_UM))
    fixed, moving = [unrelated, _fixed()], _moving(0, -3.0, (60.0, 90.0))
    one, other = (refine(fixed, moving, ALL, "affine", seed=3) for _ in range(2))
    assert one.fixed is fixed[1]
    assert one.matrix.tobytes() == other.matrix.tobytes()
    assert (one.error_um, one.reason) == (other.error_um, other.reason)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_pictures_of_another_section_are_refused(seed: int) -> None:
    pytest.importorskip("SimpleITK")
    found = refine([_fixed(0)], _moving(seed), ALL, "rigid")
    assert not found.accepted
    assert "by chance" in found.reason
    assert found.matrix.tolist() == np.eye(3).tolist()


def test_a_flat_picture_is_refused() -> None:
    pytest.importorskip("SimpleITK")
    flat = Picture(np.ones(SHAPE), (PIXEL_UM, PIXEL_UM))
    assert "fixed picture is flat" in refine([flat], _moving(), ALL, "rigid").reason
    empty = Picture(np.full(SHAPE, np.nan), (PIXEL_UM, PIXEL_UM))
    assert "moving picture is flat" in refine([_fixed()], empty, ALL, "rigid").reason


def test_it_is_refused_where_it_moves_too_far(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("SimpleITK")
    monkeypatch.setattr("napari_metime.alignment.refinement.MAX_TURN_DEG", 2.0)
    found = refine([_fixed()], _moving(0, 4.0), ALL, "rigid")
    assert not found.accepted
    assert "turn it by" in found.reason


def test_cancelling_ends_it_within_a_stage(capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("SimpleITK")
    told: list[str] = []

    def cancel(fraction: float, text: str) -> None:
        told.append(text)
        if "(rigid)" in text:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled, match="stopped"):
        refine([_fixed()], _moving(0, 3.0), ALL, "rigid", on_progress=cancel)
    assert sum("(rigid)" in text for text in told) == 1
    assert capfd.readouterr().err == ""


def test_progress_goes_from_0_to_1() -> None:
    pytest.importorskip("SimpleITK")
    told: list[float] = []
    refine([_fixed()], _moving(0, 3.0), ALL, "rigid", on_progress=lambda done, _: told.append(done))
    assert 0 <= min(told) < 0.05
    assert max(told) <= 1


def test_without_simpleitk_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(registration, "import_module", missing)
    with pytest.raises(AlignmentError, match=r"pip install 'napari-metime\[registration\]'"):
        refine([_fixed()], _moving(), ALL, "rigid")


def test_a_lattice_warp_is_turned_back() -> None:
    y, x = np.mgrid[:33, :33] * 50.0
    shift_um = np.stack([30 * np.sin(y / 300), 25 * np.cos(x / 250)])
    warp = LatticeWarp.through((0.0, 0.0), (50.0, 50.0), shift_um)
    np.testing.assert_allclose(np.stack(warp(x, y)), np.stack([x, y]) + shift_um, atol=1e-9)
    inner_x, inner_y = (a + 12.5 for a in (x[4:-4, 4:-4], y[4:-4, 4:-4]))
    back = np.stack(warp.inverse()(*warp(inner_x, inner_y)))
    np.testing.assert_allclose(back, np.stack([inner_x, inner_y]), atol=0.05)
    assert warp.least_area_scale() > 0.9


def test_a_lattice_warp_that_folds_says_so() -> None:
    y, x = np.mgrid[:9, :9] * 10.0
    warp = LatticeWarp.through((0.0, 0.0), (10.0, 10.0), np.stack([-2 * x, 0 * y]))
    assert warp.least_area_scale() < 0
