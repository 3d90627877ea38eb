"""axes.csv and ratios.csv: contrasts and limits against what was planted, and p against other ions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from napari_metime.export.tables import write_table
from napari_metime.metabolites.ratios import Side
from napari_metime.metabolites.standard import Limit, robust_z
from napari_metime.niches import describe_niches
from napari_metime.niches.spatial_error import Quantity, SpatialErrors
from napari_metime.scored_niches import Regions, describe_scores, ratio_limits
from napari_metime.scoring import with_scores
from napari_metime.section import CellTable, Channel, ChannelSet, Grid, IonPool, NicheMap, NicheResult, Tissue

SHAPE = (64, 64)
GRID = Grid(SHAPE, (1, 1), (25.0, 25.0))
ROW, COL = np.mgrid[:64, :64]
TISSUE = np.hypot(ROW - 31.5, COL - 31.5) < 30
NICHES = np.where(np.hypot(ROW - 22, COL - 28) < 7, 1, 2 * (np.hypot(ROW - 44, COL - 40) < 6)).astype(np.int32)
REST = TISSUE & (NICHES == 0)
UP, FLAT, FEW = list("abcd"), list("efg"), ["h", "i"]
SD = 0.5


def smooth(rng: np.random.Generator, n: int, scale: float = 0.5) -> np.ndarray:
    noise = ndimage.gaussian_filter(rng.normal(size=(n, *SHAPE)), [0, scale, scale], mode="wrap")
    return noise / noise.std()


def image(log2: np.ndarray) -> np.ndarray:
    return np.where(TISSUE, 2**log2, 0.1).astype(np.float32)


def pool_of(rng: np.random.Generator, n: int = 40) -> IonPool:
    z = np.full((n, *SHAPE), np.nan, np.float16)
    for one, texture in zip(z, smooth(rng, n), strict=True):
        one[TISSUE] = robust_z(image(6 + SD * texture)[TISSUE], Limit(2.0, True))
    return IonPool(np.linspace(500, 900, n), z, np.full(n, 1.0), rng.uniform(60, 70, n), 5.0)


def scored(raised: float = 0.5, *, seed: int = 0, pool: bool = True) -> ChannelSet:
    """Axis ``up`` is raised in niche 1 by ``raised`` (log2), ``flat`` nowhere, ``few`` has two members."""
    rng = np.random.default_rng(seed)
    names = [*UP, *FLAT, *FEW, "L-Kynurenine", "L-Tryptophan"]
    logs = 6 + SD * smooth(rng, len(names))
    logs[: len(UP)] += raised * (NICHES == 1)
    logs[-2] += raised * (NICHES == 2)
    axes = ["up"] * 4 + ["flat"] * 3 + ["few"] * 2 + ["trp_kyn"] * 2
    table = pd.DataFrame(
        {
            "channel": names, "axis": axes, "verdict": "seen", "detected": True, "lod": 2.0, "adduct": "[M-H]-",
            "mz": np.arange(100.0, 100 + len(names)), "pathway_sign": 1, "review_sign": 0, "mean_intensity": 1.0,
            "reason": "",
        }
    )  # fmt: skip
    channels = tuple(Channel(name, "ion", image(log)) for name, log in zip(names, logs, strict=True))
    found = with_scores(ChannelSet(channels, table, np.ones(SHAPE, np.float32)), tissue(), min_members=3)
    if not pool:
        return found
    return ChannelSet(found.channels, table, found.tic, (), found.ratios, found.axes, pool_of(rng))


def tissue() -> Tissue:
    return Tissue(TISSUE, "painted", "")


def niche_map() -> NicheMap:
    cold = np.where(TISSUE, (NICHES > 0) * 2.0 + ROW / 100, np.nan).astype(np.float32)
    return NicheMap(TISSUE, TISSUE, cold, cold, NICHES, np.array([0.01, 0.02]), 100.0, "")


def described(channels: ChannelSet, niches: NicheMap | None = None) -> NicheResult:
    rng = np.random.default_rng(9)
    y, x = (a[rng.random(a.size) < 0.3] * 25.0 for a in (np.nonzero(TISSUE)[0], np.nonzero(TISSUE)[1]))
    n = min(x.size, y.size)
    role = rng.choice(["effector", "tumor"], n, p=[0.2, 0.8]).astype(object)
    cells = CellTable(np.arange(n).astype(str).astype(object), x[:n], y[:n], role, role, "um")
    return describe_niches(GRID, TISSUE, niches or niche_map(), cells, channels, section_id="S")


def result_of(channels: ChannelSet, seed: int = 0) -> NicheResult:
    return describe_scores(GRID, tissue(), channels, described(channels), section_id="S", seed=seed)


@pytest.fixture(scope="module")
def result() -> NicheResult:
    return result_of(scored())


def test_a_row_is_an_axis_in_a_region_or_one_that_is_refused(result: NicheResult) -> None:
    axes = result.axes
    assert axes["axis"].tolist() == ["up"] * 4 + ["flat"] * 4 + ["few", "trp_kyn"]
    assert axes["region_id"].tolist() == ["1", "2", "rest", "domain"] * 2 + ["section"] * 2
    assert axes["status"].tolist() == ["scored"] * 8 + ["not_scored"] * 2
    refused = axes[axes["status"] != "scored"]
    assert refused["score_mean"].isna().all()
    assert refused["reason"].str.contains("2 of the 2 members").all()
    assert axes["members"][0] == "a; b; c; d"


def test_the_axis_that_was_raised_is_first_and_its_interval_holds_what_was_planted(result: NicheResult) -> None:
    """Raised by 1 SD in 7 % of the tissue, four independent members: about 2."""
    niche = result.axes[result.axes["region_id"] == "1"].set_index("axis")
    assert niche["difference"].astype(float).idxmax() == "up"
    up = niche.loc["up"]
    assert up["low"] < 1.9 < up["high"]
    assert up["low"] > 1
    assert (niche["p_random_sets"]["up"], niche["n_random_sets"]["up"]) == (0.001, 999)
    assert niche["p_random_sets"]["flat"] > 0.05
    other = result.axes[result.axes["region_id"] == "2"].set_index("axis")
    assert (other["p_random_sets"].dropna() > 0.02).all()


def test_the_jackknife_spans_what_each_member_left_out_gives(result: NicheResult) -> None:
    up = result.axes.iloc[0]
    assert up["jackknife_low"] < up["difference"] * 1.05
    assert up["jackknife_low"] > 1
    assert up["most_moving"] in UP
    assert result.axes.iloc[2:4][["jackknife_low", "p_random_sets", "difference"]].isna().all(axis=None)


def test_ranks_agree_with_the_score(result: NicheResult) -> None:
    up = result.axes.iloc[:4].set_index("region_id")
    assert -0.5 <= up["rank_score_mean"].min() <= up["rank_score_mean"].max() <= 0.5
    assert up["rank_difference"]["1"] == pytest.approx(up["rank_score_mean"]["1"] - up["rank_score_mean"]["rest"])
    assert up["rank_difference"]["1"] > 0.1


def test_a_member_that_was_measured_beside_the_domain_alone_leaves_its_axis_without_a_score() -> None:
    """As an image of an element that covers another part of the tissue."""
    beside = COL < 14
    channels = scored(pool=False)
    ions = tuple(
        replace(c, image=np.where(beside, c.image, np.nan).astype(np.float32)) if c.name == "a" else c
        for c in channels.channels
        if c.kind == "ion"
    )
    again = with_scores(ChannelSet(ions, channels.table, channels.tic), tissue(), min_members=3)
    niches = replace(niche_map(), domain=TISSUE & ~beside, assessable=TISSUE & ~beside)
    axes = describe_scores(GRID, tissue(), again, described(again, niches), section_id="S", seed=0).axes
    up, flat = (axes[axes["axis"] == name] for name in ("up", "flat"))
    assert up[["score_mean", "rank_score_mean", "difference"]].isna().all(axis=None)
    assert flat[["score_mean", "rank_score_mean"]].notna().all(axis=None)


def test_ranks_take_the_limit_of_detection_that_scores_take() -> None:
    """A limit far above all values flattens a member, in its z and so in its rank."""
    channels = scored(pool=False)
    ions = tuple(c for c in channels.channels if c.kind == "ion")
    flat = channels.table.assign(lod=np.where(channels.table["channel"] == "a", 1e9, 2.0))
    found = with_scores(ChannelSet(ions, flat, channels.tic), tissue(), min_members=3)
    ranks = [result_of(c).axes["rank_score_mean"].tolist()[:4] for c in (found, channels)]
    assert not np.allclose(*ranks, atol=1e-6)


def test_without_other_ions_there_is_no_p_and_that_is_told() -> None:
    axes = result_of(scored(pool=False)).axes
    assert axes["p_random_sets"].isna().all()
    assert axes["reason"][0] == "no p: there are no other ions to compare with"


def test_members_and_their_isotopes_are_no_other_ions() -> None:
    channels = scored()
    own = channels.table["mz"].to_numpy()[:4]
    assert channels.pool is not None
    mz = channels.pool.mz.copy()
    mz[:24] = np.concatenate([own + more for more in (0, 1.00335, 2.0067)] * 2)
    pool = IonPool(mz, channels.pool.z, channels.pool.coverage, channels.pool.mean_intensity, 5.0)
    of_up = ChannelSet(channels.channels, channels.table, channels.tic, (), channels.ratios, channels.axes, pool)
    axes = result_of(of_up).axes
    assert axes["reason"][0] == "no p: only 16 other ions to compare with; 20 are the fewest"
    assert axes["n_random_sets"].tolist()[:8] == [0] * 4 + [999] * 4


def test_run_again_it_is_the_same_byte_for_byte(tmp_path: Path) -> None:
    for name in ("first", "second"):
        again = result_of(scored())
        for table in ("axes", "ratios"):
            write_table(getattr(again, table), tmp_path / f"{name}_{table}.csv")
    for table in ("axes", "ratios"):
        assert (tmp_path / f"first_{table}.csv").read_bytes() == (tmp_path / f"second_{table}.csv").read_bytes()


def test_limits_of_a_score_are_those_of_a_spatial_block_bootstrap() -> None:
    """Blocks of 8 pixels, wider than the image is alike, drawn anew within niche and rest: widths within a quarter."""
    rng = np.random.default_rng(3)
    widths = []
    for texture in smooth(rng, 6, 1.0):
        niche, rest = ROW < 32, ROW >= 32  # as wide as blocks can be drawn in
        every = np.ones(SHAPE, bool)
        errors = SpatialErrors(GRID, every, niche.astype(np.int32), [Quantity(texture, "absolute")])
        found = errors.contrast(niche, rest)
        blocks = [texture[part].reshape(-1, 8, 8, 8).mean(axis=(1, 3)).ravel() for part in (slice(32), slice(32, None))]
        draws = [rng.choice(b, (2000, b.size)).mean(axis=1) for b in blocks]
        low, high = np.quantile(draws[0] - draws[1], [0.025, 0.975])
        widths.append((found.high[0] - found.low[0]) / (high - low))
    assert np.mean(widths) == pytest.approx(1.0, abs=0.25)


def test_a_ratio_is_told_for_every_region_and_the_others_why_not(result: NicheResult) -> None:
    ratios = result.ratios
    kyn = ratios[ratios["ratio"] == "kyn_trp"].set_index("region_id")
    assert kyn.index.tolist() == ["1", "2", "rest", "domain"]
    assert (kyn["status"] == "measured").all()
    assert kyn["difference"]["2"] == pytest.approx(kyn["log2_ratio"]["2"] - kyn["log2_ratio"]["rest"])
    assert kyn["difference"]["2"] == pytest.approx(0.5, abs=0.35)  # 3.5 standard errors
    assert kyn["difference_low"]["1"] < 0 < kyn["difference_high"]["1"]
    assert (kyn["share_measured"] == 1).all()
    others = ratios[ratios["ratio"] != "kyn_trp"]
    assert (others["region_id"] == "section").all()
    assert (others["status"] == "not_measurable").all()


def test_limits_of_a_ratio_of_sums_hold_the_truth() -> None:
    """200 pairs of textured images, half of the texture shared: of 95 % limits, within three standard errors."""
    rng = np.random.default_rng(4)
    n, sides = 200, {}
    for i in range(n):
        common, a, b = 0.3 * smooth(rng, 3, 1.5)
        above = Side(np.exp(common + a + np.log(2) * (NICHES == 1)), 0.01, ("a",))
        sides[str(i)] = (above, Side(np.exp(common + b), 0.01, ("b",)))
    found = ratio_limits(GRID, niche_map(), Regions.of(niche_map()), sides).values()
    rest = np.mean([rows[2]["low"] <= 0 <= rows[2]["high"] for rows in found])
    niche = np.mean([rows[0]["difference_low"] <= 1 <= rows[0]["difference_high"] for rows in found])
    assert 0.90 <= rest <= 0.995
    assert 0.90 <= niche <= 0.995


def test_a_bound_has_one_limit_and_no_difference() -> None:
    above, below = Side(np.full(SHAPE, 9.0), 4.0, ("a",)), Side(np.where(NICHES == 1, 1.0, 9.0), 4.0, ("b",))
    noise = np.random.default_rng(5).uniform(0.9, 1.1, SHAPE)
    limits = ratio_limits(
        GRID, niche_map(), Regions.of(niche_map()), {"r": (Side(above.image * noise, 4.0, ("a",)), below)}
    )["r"]
    assert limits[0]["status"] == "lower_bound"
    assert limits[0]["log2_ratio"] == pytest.approx(np.log2(9 / 4), abs=0.01)
    assert limits[0]["log2_ratio"] - 0.02 < limits[0]["low"] < limits[0]["log2_ratio"]  # by the noise of 9 alone
    assert np.isnan(limits[0]["high"])
    assert "difference" not in limits[0]
    assert limits[1]["status"] == "measured"
    assert np.isfinite(limits[1]["difference"])
