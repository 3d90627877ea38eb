"""Means with limits: known standard errors, and how often the limits hold the truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage, stats

from napari_metime.niches.spatial_error import Quantity, SpatialErrors, _Lags
from napari_metime.section import Channel, Grid

GRID = Grid((60, 70), (1, 1), (25.0, 25.0))
ROW, COL = np.mgrid[:60, :70]
NICHE = np.hypot(ROW - 28, COL - 30) <= 10
EVERY = np.ones(GRID.shape, bool)
WHOLE = (slice(None), slice(None))


def _smooth(rng: np.random.Generator, n: int, scale: float) -> np.ndarray:
    noise = ndimage.gaussian_filter(rng.normal(size=(n, 80, 90)), [0, scale, scale], mode="wrap")[:, 10:-10, 10:-10]
    return noise / noise.std()


def _errors(images: np.ndarray, scale: str, per_pixel: float = 1.0) -> SpatialErrors:
    quantities = [Quantity(image, scale, per_pixel) for image in images]  # type: ignore[arg-type]
    return SpatialErrors(GRID, EVERY, NICHE.astype(np.int32), quantities)


def test_sums_by_distance_are_those_of_every_pair() -> None:
    image = np.random.default_rng(0).normal(size=(5, 6))
    spacing, step, n_bins = (20.0, 10.0), 20.0, 4
    y, x = (a.ravel() * s for a, s in zip(np.mgrid[:5, :6], spacing, strict=True))
    lag = np.rint(np.hypot(y[:, None] - y, x[:, None] - x) / step).astype(int)
    products = np.outer(image.ravel(), image.ravel())
    expected = [products[lag == k].sum() for k in range(n_bins)]
    np.testing.assert_allclose(_Lags(image.shape, spacing, step, n_bins).sums(image), expected, atol=1e-9)


def test_white_noise_has_the_error_of_independent_values() -> None:
    images = np.random.default_rng(1).normal(5, 1, (40, *GRID.shape))
    found = _errors(images, "absolute").mean(NICHE, WHOLE)
    np.testing.assert_allclose(found.value, images[:, NICHE].mean(axis=1))
    width = (found.high - found.low).mean()
    assert width == pytest.approx(2 * 1.96 / np.sqrt(NICHE.sum()), rel=0.1)


@pytest.mark.parametrize("scale_pixels", [1.0, 3.0])
@pytest.mark.parametrize("kind", ["absolute", "relative"])
def test_limits_of_smooth_images_hold_the_truth(kind: str, scale_pixels: float) -> None:
    """200 images, of which 95 % should: 92 to 98 % are asked of many; of 200 three standard errors more."""
    noise = _smooth(np.random.default_rng(2), 200, scale_pixels)
    images = 3 + noise + NICHE if kind == "absolute" else np.exp(0.4 * noise - 0.08) * (1 + NICHE)
    errors = _errors(images, kind)
    change = errors.contrast(NICHE, ~NICHE)
    band = errors.mean((np.hypot(ROW - 28, COL - 30) > 10) & (np.hypot(ROW - 28, COL - 30) <= 12), WHOLE)
    for found, truth in ((change, 1.0), (band, 3.0 if kind == "absolute" else 1.0)):
        assert 0.89 <= np.mean((found.low <= truth) & (truth <= found.high)) <= 0.995
    # Plain standard errors of independent pixels would hold it far less often.
    naive = 1.96 * noise[:, NICHE].std(axis=1) / np.sqrt(NICHE.sum())
    assert np.mean(np.abs(noise[:, NICHE].mean(axis=1)) <= naive) < 0.7


def test_poisson_counts_have_poissons_limits_and_clumped_ones_wider() -> None:
    rng = np.random.default_rng(3)
    plain = rng.poisson(0.2, (30, *GRID.shape))
    found = _errors(plain, "count", per_pixel=0.5).mean(NICHE, WHOLE)
    counts = plain[:, NICHE].sum(axis=1)
    exact = stats.chi2.ppf([[0.025], [0.975]], [2 * counts, 2 * counts + 2]) / 2 / NICHE.sum() / 0.5
    np.testing.assert_allclose(found.value, counts / NICHE.sum() / 0.5)
    assert np.median(found.low / exact[0]) == pytest.approx(1, abs=0.05)
    assert np.median(found.high / exact[1]) == pytest.approx(1, abs=0.05)
    clumped = rng.poisson(0.2 * np.exp(0.8 * _smooth(rng, 30, 2.0) - 0.32))
    wider = _errors(clumped, "count").mean(NICHE, WHOLE)
    assert np.median((wider.high - wider.low) / wider.value) > 1.3 * np.median((found.high - found.low) / found.value)


def test_no_cell_at_all_has_the_upper_limit_of_nothing_counted() -> None:
    """Garwood's limit of 0 is 3.69 at 95 %, both sides."""
    image = np.random.default_rng(4).poisson(0.2, GRID.shape) * ~NICHE
    found = _errors(image[None], "count").mean(NICHE, WHOLE)
    assert (found.value[0], found.low[0]) == (0.0, 0.0)
    assert found.high[0] * NICHE.sum() == pytest.approx(3.689, rel=0.05)


def test_what_is_too_smooth_to_tell_has_no_limits() -> None:
    ramp = np.exp(COL / 20.0)
    found = _errors(ramp[None], "relative").contrast(NICHE, ~NICHE)
    assert np.isfinite(found.value[0])
    assert np.isnan(found.low[0])


def test_what_is_not_known_counts_nowhere() -> None:
    rng = np.random.default_rng(5)
    image = rng.gamma(4, 1, GRID.shape)
    holed = np.where(COL < 30, np.nan, image)
    full, part = Quantity(image, "relative"), Quantity(holed, "relative")
    both = SpatialErrors(GRID, EVERY, NICHE.astype(np.int32), [full, part])
    alone = SpatialErrors(GRID, EVERY, NICHE.astype(np.int32), [part])
    found, same = both.mean(NICHE, WHOLE), alone.mean(NICHE, WHOLE)
    assert found.value[1] == pytest.approx(image[NICHE & (COL >= 30)].mean())
    assert (found.low[1], found.high[1]) == (same.low[0], same.high[0])
    nothing = SpatialErrors(GRID, EVERY, NICHE.astype(np.int32), [Quantity(np.full(GRID.shape, np.nan), "relative")])
    assert np.isnan(nothing.mean(NICHE, WHOLE).as_columns()).all()


def test_a_part_of_the_grid_gives_the_same_as_the_whole() -> None:
    errors = _errors(np.random.default_rng(6).gamma(4, 1, (3, *GRID.shape)), "relative")
    part = (slice(10, 50), slice(15, 45))
    np.testing.assert_allclose(errors.mean(NICHE[part], part).as_columns(), errors.mean(NICHE, WHOLE).as_columns())


@pytest.mark.parametrize(
    ("kind", "lowest", "scale"), [("ratio", 0.1, "absolute"), ("ion", 0.0, "relative"), ("image", -1.0, "absolute")]
)
def test_a_channel_varies_with_its_mean_unless_it_is_a_logarithm_or_negative(
    kind: str, lowest: float, scale: str
) -> None:
    image = np.array([[lowest, 2.0]], np.float32)
    assert Quantity.of_channel(Channel("a", kind, image)).scale == scale  # type: ignore[arg-type]
