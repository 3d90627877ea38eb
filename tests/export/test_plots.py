"""Single plots as files: the numbers as they are, the drawings readable and the same each time."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from napari_metime.errors import OutputError
from napari_metime.export.plots import (
    OTHER_AXES,
    bars_plot,
    gradient_plot,
    lifted,
    shift_plot,
    spectrum_plot,
    volcano_plot,
    write_plot,
)

HOSTILE = "<script>$x$</script>"


@pytest.fixture
def gradients() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "region_id": ["1", "1", "2", "2"],
            "band_low_um": [-50.0, 0.0, -50.0, 0.0],
            "band_high_um": [0.0, 50.0, 0.0, 50.0],
            "mean_A": [1.0, 2.0, 0.1 + 0.2, np.nan],
            "mean_A_low": [0.5, 1.5, 0.2, np.nan],
            "mean_A_high": [1.5, 2.5, 0.4, np.nan],
            "mean_B": [0.0, 0.0, 0.0, 0.0],
        }
    )


@pytest.fixture
def tested() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "channel": ["axis:arginine", HOSTILE, "kyn_trp"],
            "kind": ["axis", "ion", "ratio"],
            "axis": ["Arginine", "", "Tryptophan and kynurenine"],
            "r_partial": [0.4, -0.3, 0.1],
            "r_low": [0.2, -0.5, -0.1],
            "r_high": [0.6, -0.1, 0.3],
            "q": [0.001, 0.04, 0.6],
        }
    )


def plots(gradients, tested):
    titles = ("distance (µm)", "A, mean (intensity / TIC)")
    mz = (np.array([100.0, 200.5]), np.array([3.0, 7.0]))
    return {
        "gradient": gradient_plot(gradients, "mean_A", {"1": "desert", "2": "excluded"}, titles),
        "volcano": volcano_plot(tested, {"Arginine": "#E69F00"}, "#999999"),
        "bars": bars_plot(tested, {}, "#999999"),
        "spectrum": spectrum_plot({"mean": mz}, {HOSTILE: 100.0}, "intensity", {"mean": "#888888"}),
        "shift": shift_plot(np.array([0.5, np.nan, -0.5]), "#0072B2"),
    }


def texts_of(path) -> str:
    return " ".join("".join(node.itertext()) for node in ElementTree.parse(path).iter() if node.tag.endswith("}text"))


@pytest.mark.parametrize("name", ["gradient", "volcano", "bars", "spectrum", "shift"])
def test_a_plot_is_on_white_names_its_axes_and_repeats_byte_for_byte(name, gradients, tested, tmp_path):
    titles = {
        "gradient": ("distance (µm)", "A, mean (intensity / TIC)", "niche 1, desert"),
        "volcano": ("partial correlation r with coldness", "−log₁₀ q", "Arginine axis", OTHER_AXES),
        "bars": ("partial correlation r with coldness (95 % interval)", "Kynurenine / tryptophan", OTHER_AXES),
        "spectrum": ("m/z", "intensity", "mean"),
        "shift": ("pixel row", "shift of m/z (ppm)"),
    }
    for ending in ("svg", "png", "csv"):
        first, second = tmp_path / f"a.{ending}", tmp_path / f"b.{ending}"
        for path in (first, second):
            write_plot(plots(gradients, tested)[name], path)
        assert first.read_bytes() == second.read_bytes()
    written = texts_of(tmp_path / "a.svg")  # and so it is XML, whatever the names are
    assert all(title in written for title in titles[name])
    image = imread(tmp_path / "a.png")
    assert np.all(image[[0, 0, -1, -1], [0, -1, 0, -1], :3] == 1)
    assert image.shape[1] == 2125  # 180 mm at 300 dots per inch


def test_the_numbers_behind_a_plot_are_those_of_the_table(gradients, tested, tmp_path):
    made = plots(gradients, tested)
    write_plot(made["gradient"], tmp_path / "g.csv")
    back = pd.read_csv(tmp_path / "g.csv", dtype={"region_id": str})
    pd.testing.assert_frame_equal(back, gradients.drop(columns="mean_B"), check_dtype=False)
    write_plot(made["spectrum"], tmp_path / "s.csv")
    assert (tmp_path / "s.csv").read_text() == "spectrum,mz,intensity\nmean,100.0,3.0\nmean,200.5,7.0\n"
    write_plot(made["volcano"], tmp_path / "v.csv")
    assert pd.read_csv(tmp_path / "v.csv")["label"].tolist() == ["Arginine axis", HOSTILE, "Kynurenine / tryptophan"]


def test_numbers_beside_points_do_not_touch():
    """The one below stays; a label whose letters would reach into it is lifted by lines until it does not."""
    side_by_side = np.array([[0.50, 0.6], [0.55, 0.6], [0.90, 0.6]])
    assert lifted(side_by_side, [8, 4, 1]) == [0, 1, 0]
    assert lifted(np.array([[0.5, 0.6], [0.5, 0.59]]), [1, 1]) == [1, 0]
    assert lifted(np.empty((0, 2)), []) == []


def test_another_ending_and_a_place_that_is_not_there_are_told_and_leave_nothing(gradients, tested, tmp_path):
    plot = plots(gradients, tested)["shift"]
    for path in (tmp_path / "a.bmp", tmp_path / "nowhere" / "a.png"):
        with pytest.raises(OutputError, match="expected"):
            write_plot(plot, path)
    assert list(tmp_path.iterdir()) == []
