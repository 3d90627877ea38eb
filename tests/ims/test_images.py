"""Images that a user brings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from skimage.io import imsave

from napari_metime.errors import MissingFileError, TissueError
from napari_metime.ims import read_image, read_mask

IMAGE = np.arange(12, dtype=np.uint8).reshape(3, 4)


@pytest.mark.parametrize("name", ["a.npy", "a.tif", "a.png"])
def test_what_was_written_is_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "a.npy":
        np.save(path, IMAGE[None])
    elif name == "a.tif":
        tifffile.imwrite(path, IMAGE)
    else:
        imsave(path, IMAGE, check_contrast=False)
    assert np.array_equal(read_image(path, shape=(3, 4)), IMAGE)
    assert np.array_equal(read_mask(path, shape=(3, 4)), IMAGE > 0)
    with pytest.raises(TissueError, match="expected one 4 x 3 image"):
        read_image(path, shape=(4, 3))


def test_a_few_bytes_that_declare_terabytes_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", IMAGE)
    raw = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(raw.replace(b"(3, 4), ", b"(3, 4000000000000), ")[:160])
    with pytest.raises(TissueError):
        read_image(tmp_path / "a.npy", shape=(3, 4))


@pytest.mark.parametrize("name", ["a.npy", "a.tif", "a.png"])
def test_damaged_files_are_one_clear_error(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"II*\0" + bytes(range(200)))
    with pytest.raises(TissueError, match=f"expected a TIFF, PNG or .npy image in {name}") as caught:
        read_image(path, shape=(3, 4))
    assert "save it again" in str(caught.value)


def test_a_missing_image_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="expected an image at"):
        read_image(tmp_path / "a.tif", shape=(3, 4))
