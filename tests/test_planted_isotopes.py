"""Verdicts on a section of a few ions whose isotopes are right, missing, of another abundance, or elsewhere.

Written peak by peak with the writer, not by the simulator; abundances from the count of carbons and nitrogens alone.
"""

from __future__ import annotations

from uuid import UUID

import numpy as np
import pandas as pd
import pytest

from napari_metime.ims import open_imzml
from napari_metime.imzml_writer import write_imzml
from napari_metime.measuring import measure_channels
from napari_metime.recipe import ChannelsRecipe, ImsRecipe
from napari_metime.section import Tissue

EDGE = 48
ROW, COL = np.indices((EDGE, EDGE))
TISSUE = np.maximum(abs(ROW - EDGE / 2), abs(COL - EDGE / 2)) < 17
LEFT = 60.0 * TISSUE * (COL < EDGE / 2)
RIGHT = 60.0 * TISSUE * (COL >= EDGE / 2)
NEXT = 1.00335
PER_C, PER_N = 0.0107 / 0.9893, 0.00364 / 0.99636
# m/z of [M-H]-, expected M+1 over M within 5 ppm: of 13C alone.
IONS = {
    "L-Tryptophan": (203.0826, 11 * PER_C),
    "Glutathione (GSH)": (306.0765, 10 * PER_C),
    "L-Kynurenine": (207.0775, 10 * PER_C),
    "Arachidonate (FA 20:4)": (303.2330, 20 * PER_C),
    "AMP": (346.0558, 10 * PER_C),
    "Hexose (D-glucose)": (179.0561, 6 * PER_C),
}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    folder, rng = tmp_path_factory.mktemp("planted"), np.random.default_rng(11)
    images: dict[float, np.ndarray] = {}

    def plant(name: str, place: np.ndarray, isotope: np.ndarray) -> None:
        mz, share = IONS[name]
        images[mz], images[mz + NEXT] = rng.poisson(place), rng.poisson(share * isotope)

    plant("L-Tryptophan", LEFT, LEFT)
    plant("Glutathione (GSH)", 4.0 * np.maximum(COL - 6, 0) * TISSUE, 0 * LEFT)
    plant("L-Kynurenine", LEFT, 3 * LEFT)
    plant("Arachidonate (FA 20:4)", LEFT, RIGHT)
    plant("AMP", 60.0 * TISSUE + 45.0 * ~TISSUE, 60.0 * TISSUE + 45.0 * ~TISSUE)
    plant("Hexose (D-glucose)", 20.0 * ~TISSUE + 5.0 * TISSUE, 0 * LEFT)
    for mz in 700.4 + 10.0 * np.arange(10):  # others, by whose isotopes the file is known to hold any
        images[mz], images[mz + NEXT] = rng.poisson(100 * np.ones_like(LEFT)), rng.poisson(40 * np.ones_like(LEFT))
    mz = np.array(sorted(images))
    cube = np.stack([images[m] for m in mz]).reshape(mz.size, -1)
    path = folder / "planted.imzML"
    write_imzml(
        path,
        [(mz[counts > 0], counts[counts > 0].astype(np.float32)) for counts in cube.T],
        [(col + 1, row + 1) for row in range(EDGE) for col in range(EDGE)],
        mode="processed",
        polarity="negative",
        pixel_size_um=(10.0, 10.0),
        uuid=UUID(int=6),
    )
    channels = measure_channels(
        open_imzml(path), Tissue(TISSUE, "painted", ""), ImsRecipe(path=path, normalize="none"), ChannelsRecipe()
    )
    assert not any("isotope" in told for told in channels.warnings)
    return channels.table.set_index("channel")


@pytest.mark.parametrize(
    ("name", "verdict", "reason"),
    [
        ("L-Tryptophan", "seen", ""),
        ("Glutathione (GSH)", "doubtful", "its M+1 isotope is not found (0 % of what is expected)"),
        ("L-Kynurenine", "doubtful", "times as strong as the formula expects"),
        ("Arachidonate (FA 20:4)", "doubtful", "its M+1 isotope lies elsewhere"),
        ("AMP", "doubtful", "off the tissue it is 0.75 times as strong as on it"),
        ("Hexose (D-glucose)", "not seen", "times as strong off the tissue as on it"),
        ("Citrate/isocitrate", "not seen", "not found in any tissue pixel"),
        ("L-Carnitine", "cannot be seen here", "the file is negative"),
    ],
)
def test_an_ion_is_seen_only_with_its_isotopes_and_on_the_tissue(
    table: pd.DataFrame, name: str, verdict: str, reason: str
) -> None:
    found = table.loc[name]
    assert found["verdict"] == verdict
    assert reason in found["reason"]
    assert (found["reason"] == "") == (verdict == "seen")


def test_published_measures_stand_beside_the_verdict(table: pd.DataFrame) -> None:
    right, missing, elsewhere = (table.loc[n] for n in ("L-Tryptophan", "Glutathione (GSH)", "Arachidonate (FA 20:4)"))
    assert missing["isotope_spatial"] == elsewhere["isotope_spatial"] == 0.0
    assert right["isotope_spatial"] > 0.5
    assert right["isotope_spectral"] > 0.98
    assert right["msm"] == pytest.approx(right["isotope_spatial"] * right["isotope_spectral"] * right["chaos"])
