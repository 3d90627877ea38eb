"""What benchmarks/fuzz_reader.py found on its way: one small file for each way that opening can end."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np
import pytest

from napari_metime.errors import ImzMLError
from napari_metime.ims import open_imzml
from napari_metime.ims.blocks import read_points

CASES = json.loads((Path(__file__).parent / "fuzz_cases.json").read_text(encoding="utf-8"))


@pytest.fixture
def ibd() -> bytes:
    """The .ibd of the fuzzer: every 64 bytes hold ascending floats, and a zlib array stands at byte 2048."""
    values = np.tile(np.arange(100.0, 108.0), 64).astype("<f8").tobytes()
    packed = zlib.compress(np.arange(100.0, 104.0).tobytes())
    return (b"\0" * 16 + values[:2032] + packed + values)[:4096]


@pytest.mark.parametrize(("ending", "text"), CASES, ids=[f"{i}: {ending}" for i, (ending, _) in enumerate(CASES)])
def test_every_file_opens_or_is_refused_in_one_line(tmp_path: Path, ibd: bytes, ending: str, text: str) -> None:
    path = tmp_path / "s.imzML"
    path.write_bytes(text.encode("latin-1"))
    path.with_suffix(".ibd").write_bytes(ibd)
    if ending == "opens":
        dataset = open_imzml(path)
        for i in range(dataset.n_spectra):
            mz, intensity = read_points(dataset, i)
            assert mz.size == intensity.size == dataset.mz_length[i]
        return
    with pytest.raises(ImzMLError) as caught:
        open_imzml(path)
    assert str(caught.value).startswith(ending)
    assert "\n" not in str(caught.value)
