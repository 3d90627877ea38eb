"""associations.csv on maps whose link, or lack of one, is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage, stats

from napari_metime.niches.associations import ASSOCIATION_COLUMNS, FURTHER_COLUMNS, association_rows
from napari_metime.niches.domain import signed_distance_um
from napari_metime.niches.peaks import tell_shift
from napari_metime.niches.regions import RegionInputs
from napari_metime.section import CellTable, Channel, ChannelSet, Grid, NicheMap

SIDE, PIXEL_UM = 48, 25.0
DISC = np.hypot(*(np.mgrid[:SIDE, :SIDE] - 23.5)) < 22


def smooth(n: int, seed: int, scale: float = 2.0) -> np.ndarray:
    """Independent smooth maps of variance one."""
    noise = np.random.default_rng(seed).normal(size=(n, SIDE + 60, SIDE + 60))
    maps = ndimage.gaussian_filter(noise, (0, scale, scale))[:, 30:-30, 30:-30]
    return np.asarray(maps / maps.std(axis=(1, 2), keepdims=True))


def section(coldness: np.ndarray, *, seed: int = 0) -> RegionInputs:
    """A disc of 1.1 mm with cells spread evenly."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, SIDE * PIXEL_UM, size=(2, 3000))
    role = np.where(rng.random(3000) < 0.7, "tumor", "other").astype(object)
    cells = CellTable(np.arange(3000).astype(str).astype(object), x, y, role, role, "um")
    grid = Grid((SIDE, SIDE), (1, 1), (PIXEL_UM, PIXEL_UM))
    cold = np.where(DISC, coldness, np.nan).astype(np.float32)
    found = NicheMap(DISC, DISC, cold, cold, np.zeros(DISC.shape, np.int32), np.empty(0), 100.0, "")
    return RegionInputs(grid, DISC, found, cells, grid.pixel_of(x, y), signed_distance_um(DISC, grid.spacing_um), ())


def compared(
    coldness: np.ndarray, images: np.ndarray, *, covariates: tuple[str, ...] = (), kind: str = "axis"
) -> pd.DataFrame:
    names = [f"axis:{i}" if kind == "axis" else f"c{i}" for i in range(len(images))]
    channels = tuple(Channel(n, kind, im.astype(np.float32)) for n, im in zip(names, images, strict=True))
    given = ChannelSet(channels, pd.DataFrame(), np.ones(DISC.shape, np.float32))
    return association_rows(section(coldness), given, section_id="S1", covariates=covariates)


def test_unrelated_smooth_maps_are_rarely_associated_where_pixels_taken_alone_mostly_are() -> None:
    tables = [compared(smooth(1, k)[0], smooth(1, 1000 + k)) for k in range(120)]
    table = pd.concat(tables)
    n, r = table["n_pixels"], table["r"]
    alone = 2 * stats.t.sf(np.abs(r) * np.sqrt((n - 2) / (1 - r**2)), n - 2)
    assert (alone <= 0.05).mean() > 0.5
    assert table["status"].eq("tested").all()
    for p in ("p_modified_t", "p_shift"):
        assert (table[p] <= 0.05).mean() < 0.12  # 6 of 120 expected; 15 or more in one of 1,000 such tests


def test_a_planted_link_is_found_among_others() -> None:
    coldness, others = smooth(1, 1)[0], smooth(9, 2)
    table = compared(coldness, np.concatenate([others, 0.8 * coldness[None] + 0.6 * smooth(1, 3)]))
    assert table["q"].idxmin() == 9
    linked = table.iloc[9]
    assert linked["q"] < 0.05
    assert linked["r"] == pytest.approx(0.8, abs=0.15)
    assert linked["p_shift"] == pytest.approx(1 / (1 + linked["n_shifts"]))
    assert linked["z"] == pytest.approx(np.arctanh(linked["r_partial"]))
    assert linked["se_z"] == pytest.approx((linked["ess"] - 3) ** -0.5)
    assert (linked["peak_shift_um"], linked["r_at_peak"]) == (0, pytest.approx(linked["r_partial"], abs=1e-6))


def test_what_both_follow_is_removed() -> None:
    depth = -signed_distance_um(DISC, (PIXEL_UM, PIXEL_UM)) / 80
    coldness, image = depth + smooth(1, 4)[0], depth + smooth(1, 5)[0]
    raw, adjusted = (compared(coldness, image[None], covariates=names).iloc[0] for names in ((), ("depth",)))
    assert raw["p_modified_t"] < 0.05
    assert raw["r"] == adjusted["r"] == pytest.approx(raw["r_partial"])
    assert abs(adjusted["r_partial"]) < 0.5 * adjusted["r"]
    assert adjusted["p_modified_t"] > 0.05
    assert adjusted["covariates"] == "depth"


def test_ranks_decide_so_one_bright_pixel_does_not() -> None:
    coldness, image = smooth(1, 6)[0], np.exp(smooth(1, 7))
    bright = image.copy()
    bright[0, 24, 24] = 1e6
    calm, disturbed = (compared(coldness, im, kind="ion").iloc[0]["r"] for im in (image, bright))
    assert disturbed == pytest.approx(calm, abs=0.01)


def test_families_are_corrected_apart() -> None:
    coldness = smooth(1, 8)[0]
    channels = [Channel("axis:a", "axis", smooth(1, 9)[0].astype(np.float32))]
    channels += [Channel(f"c{k}", "ion", im.astype(np.float32)) for k, im in enumerate(np.exp(smooth(5, 10)))]
    given = ChannelSet(tuple(channels), pd.DataFrame(), np.ones(DISC.shape, np.float32))
    table = association_rows(section(coldness), given, section_id="S1", covariates=("tumor_fraction", "cell_density"))
    assert tuple(table.columns) == (*ASSOCIATION_COLUMNS, *FURTHER_COLUMNS)
    assert table["family"].tolist() == ["primary", *["secondary"] * 5]
    p = table[["p_modified_t", "p_shift"]].max(axis=1)
    assert table["q"][0] == p[0]
    assert table["q"][1:].to_numpy() == pytest.approx(stats.false_discovery_control(p[1:]))


def test_pixels_without_a_value_are_left_out() -> None:
    coldness, image = smooth(1, 11)[0], smooth(1, 12)
    image[:, :, :20] = np.nan
    table = compared(coldness, np.concatenate([image, smooth(1, 13)]))
    assert table["n_pixels"].tolist() == [int(DISC[:, 20:].sum()), int(DISC.sum())]
    known = DISC & np.isfinite(image[0])
    expected = np.corrcoef(coldness[known], image[0][known])[0, 1]
    assert table["r"][0] == pytest.approx(expected, abs=1e-5)


def rare(n_present: int) -> np.ndarray:
    image = np.zeros(DISC.shape)
    places = np.argwhere(DISC)[:: int(DISC.sum()) // n_present][:n_present]
    image[tuple(places.T)] = 5.0
    return image


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (np.where(DISC, 3.0, 7.0), "the same value in every assessable pixel"),
        (np.where(np.arange(SIDE) < 3, 1.0, np.nan) * np.ones((SIDE, 1)), "only 10 assessable pixels"),
        (rare(20), "found in only 20 assessable pixels"),
        (np.exp(smooth(1, 14, scale=14.0)[0]), "correlation lengths of the two maps"),
    ],
)
def test_what_cannot_be_tested_says_why(image: np.ndarray, reason: str) -> None:
    row = compared(smooth(1, 15, scale=14.0)[0], image[None], kind="ion").iloc[0]
    assert row["status"] == "not_testable"
    assert reason in row["reason"] or "independent values" in row["reason"]
    assert row[["p_modified_t", "p_shift", "q", "z"]].isna().all()


def test_covariates_that_explain_all_leave_nothing_to_test() -> None:
    depth = -signed_distance_um(DISC, (PIXEL_UM, PIXEL_UM))
    row = compared(depth, smooth(1, 16), covariates=("depth",)).iloc[0]
    assert (row["status"], row["reason"]) == ("not_testable", "the covariates leave nothing of coldness")


def test_without_a_map_of_coldness_nothing_is_tested() -> None:
    row = compared(np.full(DISC.shape, np.nan), smooth(1, 17), covariates=("tumor_fraction",)).iloc[0]
    assert (row["status"], row["reason"]) == ("not_testable", "there is no map of coldness")


def test_a_rare_ion_is_compared_as_there_or_not_there() -> None:
    coldness = smooth(1, 18)[0]
    there = (coldness > np.quantile(coldness[DISC], 0.9)) * np.exp(smooth(1, 19)[0])
    row = compared(coldness, there[None], kind="ion").iloc[0]
    assert row["status"] == "tested"
    assert row["reason"] == "found in 10 % of the pixels: compared as there or not there"
    assert row["r"] == pytest.approx(np.corrcoef(coldness[DISC], there[DISC] > 0)[0, 1], abs=1e-5)


def peaks(x_um: float, gain: float) -> pd.DataFrame:
    r = np.full(5, 0.4)
    columns = {"q": 0.01, "peak_shift_x_um": x_um, "peak_shift_y_um": -10.0, "r_partial": r, "r_at_peak": r + gain}
    return pd.DataFrame(columns)


def test_a_common_shift_of_the_leading_associations_is_told() -> None:
    (told,) = tell_shift(peaks(150.0, 0.1), 100.0)
    assert "the cells are moved by +150 µm in x and -10 µm in y" in told


@pytest.mark.parametrize(("x_um", "gain"), [(40.0, 0.1), (150.0, 0.01)])
def test_a_peak_within_the_window_or_hardly_higher_is_not(x_um: float, gain: float) -> None:
    assert tell_shift(peaks(x_um, gain), 100.0) == ()


def test_two_associations_do_not_make_a_shift() -> None:
    assert tell_shift(peaks(150.0, 0.1).head(2), 100.0) == ()
