"""Regions by spectra against planted ones."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import adjusted_rand_score

from napari_metime.errors import RecipeError, TissueError
from napari_metime.section import TissueRegions
from napari_metime.simulate.fields import smooth_noise
from napari_metime.tissue import compare_labels, find_regions, joined, name_regions
from napari_metime.tissue.markers import MARKER_COLUMNS
from napari_metime.tissue.region_number import propose_number

SHAPE, SPACING_UM = (52, 64), (50.0, 50.0)
ROW, COL = np.mgrid[: SHAPE[0], : SHAPE[1]]
TISSUE = ((ROW - 26) / 24) ** 2 + ((COL - 32) / 29) ** 2 <= 1


def planted(n: int, *, seed: int = 0, log2_sd: float = 0.5, n_ions: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Ion images of ``n`` regions, and their labels: levels differ by a normal log2, over texture and counts."""
    rng = np.random.default_rng([seed, n])
    share = 0.0
    while share < 0.08:  # no region that nobody could find
        labels = np.argmax(smooth_noise((n, *SHAPE), 8, rng), axis=0) + 1
        share = np.bincount(labels[TISSUE], minlength=n + 1)[1:].min() / TISSUE.sum()
    level = 55 * np.exp(0.5 * rng.standard_normal(n_ions))
    change = np.exp2(log2_sd * rng.standard_normal((n, n_ions)))
    mean = level[:, None, None] * change[labels - 1].transpose(2, 0, 1)
    mean *= np.exp(0.2 * smooth_noise((n_ions, *SHAPE), 1.6, rng))
    return rng.poisson(mean).astype(np.float32), np.where(TISSUE, labels, 0)


def found(features: np.ndarray, mask: np.ndarray = TISSUE, **settings: object) -> TissueRegions:
    asked = {"method": "kmeans", "n_regions": "auto", "spacing_um": SPACING_UM, "smoothing_um": 50.0} | settings
    return find_regions(features, mask, **asked)  # type: ignore[arg-type]


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_the_planted_number_of_regions_is_proposed_and_they_are_where_they_were(n: int) -> None:
    features, truth = planted(n)
    regions = found(features)
    assert regions.labels.max() == n
    assert adjusted_rand_score(truth[TISSUE], regions.labels[TISSUE]) > 0.9
    assert (regions.labels[~TISSUE] == 0).all()
    assert (regions.labels[TISSUE] > 0).all()


def test_a_mixture_finds_them_too() -> None:
    features, truth = planted(3)
    regions = found(features, method="mixture")
    assert regions.labels.max() == 3
    assert adjusted_rand_score(truth[TISSUE], regions.labels[TISSUE]) > 0.85
    assert "mixture of Gaussians" in regions.note


def test_a_section_without_structure_is_one_region_and_says_so() -> None:
    regions = found(planted(1)[0])
    assert regions.note.startswith("1 region, the whole tissue")
    assert "do not find two groups again" in regions.note
    assert regions.markers.empty


def test_a_gradient_is_not_cut_in_two() -> None:
    """Both halves would cut it at the same place; a mixture finds no gap there."""
    rng = np.random.default_rng(0)
    scores = rng.standard_normal((600, 5)) * [8, 1, 1, 1, 1]
    proposal = propose_number(scores, 0)
    assert proposal.strengths[0] > 0.85
    assert proposal.n == 1
    assert "gradually" in proposal.reason
    scores[:300, 0] += 60
    assert propose_number(scores, 0).n == 2


def test_few_pixels_are_told_to_be_too_few() -> None:
    proposal = propose_number(np.random.default_rng(0).standard_normal((39, 5)), 0)
    assert proposal.n == 1
    assert "too few" in proposal.reason


def test_labels_are_in_the_order_of_their_pixels() -> None:
    counts = np.bincount(found(planted(4)[0]).labels.ravel())[1:]
    assert (np.diff(counts) <= 0).all()


def test_the_same_seed_gives_the_same_regions() -> None:
    features = planted(3, log2_sd=0.1)[0]
    first, again = (found(features, n_regions=4, seed=5).labels for _ in range(2))
    assert np.array_equal(first, again)


def test_the_edge_of_the_tissue_does_not_fade() -> None:
    """A tissue of one spectrum is all alike, however wide the smoothing: nothing is smoothed in from beside it."""
    features = np.where(TISSUE, 7.0, 900.0).astype(np.float32)[None].repeat(3, axis=0)
    regions = found(features, n_regions=3, smoothing_um=400)
    assert regions.labels.max() == 1
    assert "the same spectrum" in regions.note


def test_islands_smaller_than_the_smoothing_tells_go_to_their_surroundings() -> None:
    mask = np.ones((40, 40), dtype=bool)
    mask[:, 20] = False  # two parts
    image = np.where(np.indices((40, 40))[1] < 10, 100.0, 1.0)
    image[5:7, 14:16] = 100.0  # four pixels
    image[30:, 30:] = 100.0
    features = np.stack([image, 101 - image]).astype(np.float32)
    regions = found(features, mask, n_regions=2, smoothing_um=0)
    near = regions.labels[5, 18]
    assert (regions.labels[5:7, 14:16] == near).all()
    assert regions.labels[35, 35] == regions.labels[5, 5] != near


def test_a_small_part_of_the_tissue_that_stands_alone_keeps_its_label() -> None:
    mask = np.zeros((30, 30), dtype=bool)
    mask[:12], mask[20:22, :2] = True, True
    image = np.where(np.indices((30, 30))[0] < 6, 1.0, 50.0)
    image[20:] = 1.0
    regions = found(np.stack([image, 51 - image]).astype(np.float32), mask, n_regions=2, smoothing_um=0)
    assert (regions.labels[20:22, :2] == regions.labels[0, 0]).all()
    assert regions.labels[0, 0] != regions.labels[10, 0]


def test_an_ion_that_was_measured_nowhere_changes_nothing() -> None:
    features = planted(3)[0]
    nothing = np.full((1, *SHAPE), np.nan, dtype=np.float32)
    assert np.array_equal(found(np.concatenate([nothing, features])).labels, found(features).labels)


def test_pixels_that_were_not_measured_take_what_lies_around_them() -> None:
    features, truth = planted(2)
    features[:, 20:22, 30:32] = np.nan
    regions = found(features)
    assert adjusted_rand_score(truth[TISSUE], regions.labels[TISSUE]) > 0.9


@pytest.mark.parametrize("method", ["kmeans", "mixture"])
@pytest.mark.parametrize("n", ["auto", 3])
def test_a_tissue_of_one_pixel_is_one_region(method: str, n: object) -> None:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[10, 10] = True
    regions = found(planted(2)[0], mask, method=method, n_regions=n)
    assert regions.labels.sum() == 1
    assert regions.names == {1: "1"}


@pytest.mark.parametrize("method", ["kmeans", "mixture"])
def test_more_regions_than_pixels_are_as_many_as_pixels(method: str) -> None:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[10, 10:13] = True
    assert found(planted(2)[0], mask, method=method, n_regions=9).labels.max() <= 3


def test_no_ion_and_no_tissue() -> None:
    assert found(np.empty((0, *SHAPE), np.float32)).labels.max() == 1
    with pytest.raises(TissueError, match="find the tissue first"):
        found(planted(2)[0], np.zeros(SHAPE, dtype=bool))


def test_negative_intensities_count_as_none() -> None:
    features = planted(2)[0]
    features[0] = -1e6
    assert found(features).labels.max() == 2


LABELS = np.repeat([[1, 2, 3, 0]], 5, axis=0).astype(np.int32)


def ions(seed: int = 0) -> np.ndarray:
    """Small counts, so that there are ties; one value is missing and one ion is in no pixel of label 3."""
    images = np.random.default_rng(seed).poisson(2, (4, 5, 4)).astype(np.float32)
    images[0, 0, 0] = np.nan
    images[1][LABELS == 3] = 0
    return images


def named(names: dict[int, str]) -> TissueRegions:
    mz = np.array([100.0, 200.0, 300.0, 400.0])
    compared = joined([compare_labels(ions()[:3], mz[:3], LABELS), compare_labels(ions()[3:], mz[3:], LABELS)])
    bare = TissueRegions(LABELS, {1: "1", 2: "2", 3: "3"}, "", pd.DataFrame(), compared)
    return name_regions(bare, names)


@pytest.mark.parametrize("names", [{}, {1: "tumour", 3: "tumour"}, {1: "a", 2: "a", 3: "b"}])
def test_markers_are_those_that_scipy_finds_in_the_pixels_of_each_region(names: dict[int, str]) -> None:
    regions = named(names)
    assert tuple(regions.markers.columns) == MARKER_COLUMNS
    assert len(regions.markers) == 4 * len(regions.labels_of)
    for row, (i, mz) in itertools.product(regions.markers.itertuples(), enumerate((100.0, 200.0, 300.0, 400.0))):
        if row.mz != mz:
            continue
        inside = regions.mask(str(row.region))
        image = ions()[i]
        one, other = (v[np.isfinite(v)] for v in (image[inside], image[(LABELS > 0) & ~inside]))
        u = stats.mannwhitneyu(one, other).statistic
        assert row.auc == pytest.approx(u / (one.size * other.size))
        assert (row.mean_in, row.mean_out) == pytest.approx((one.mean(), other.mean()))
        assert (row.share_in, row.share_out) == pytest.approx(((one > 0).mean(), (other > 0).mean()))
        if one.mean() > 0 and other.mean() > 0:
            assert row.log2fc == pytest.approx(np.log2(one.mean() / other.mean()))
        else:
            assert np.isnan(row.log2fc)


def test_markers_of_a_region_begin_with_what_it_has_most_of() -> None:
    for _, rows in named({}).markers.groupby("region", sort=False):
        assert (np.diff(rows["auc"]) <= 0).all()


def test_labels_of_one_name_are_one_region() -> None:
    regions = named({1: "tumour", 3: "tumour"})
    assert regions.labels_of == {"tumour": (1, 3), "2": (2,)}
    assert np.array_equal(regions.mask("tumour"), np.isin(LABELS, [1, 3]))
    assert np.array_equal(regions.mask("3"), LABELS == 3)  # a label is still itself
    assert regions.at(np.array([0, 1, 2, 3, -1])).tolist() == ["tumour", "2", "tumour", "", ""]


def test_one_name_for_all_leaves_nothing_to_compare() -> None:
    assert named(dict.fromkeys((1, 2, 3), "all")).markers.empty


def test_unknown_labels_and_regions_are_told_in_words() -> None:
    with pytest.raises(RecipeError, match=r"labels 1 to 3, in tissue\.regions\.names, found 7"):
        named({7: "tumour"})
    with pytest.raises(TissueError, match=r"niches\.domain.*\(tumour, 2, 3\), found 'stroma'"):
        named({1: "tumour"}).mask("stroma")
