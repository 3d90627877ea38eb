"""One measurement in a process of its own: what each reader does for each step.

    python benchmarks/reading_peers.py '{"reader": "imzy", "steps": ["open", "image"], "path": ..., "tiny": ..., ...}'

is called by reading.py with the Python of the reader's environment, so nothing but the standard library is imported
before the reader. Every step is first done on a tiny file: what is compiled or loaded late is so by then. The files
are read once before, so that they come from memory unless a step says disk. The result, JSON, goes to the file that
the request names.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.metadata
import json
import os
import platform
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

BUFFER_BYTES, SMALL_BUFFER_BYTES = 16 * 2**20, 64 * 2**10
ALL_DA = 100_000.0


class Metime:
    """The package at hand."""

    modules = ("opening", "ions", "index", "normalization", "mean_spectrum")

    def __init__(self, request: dict[str, Any]) -> None:
        self.folder = Path(request["folder"])
        self.tolerance = request["tolerance_da"]
        self.ims: dict[str, ModuleType] = {
            name: importlib.import_module(f"napari_metime.ims.{name}") for name in self.modules
        }

    def open(self, path: Path, mz: list[float]) -> None:
        self.dataset = self.ims["opening"].open_imzml(path)
        self.index = None

    def image(self, path: Path, mz: list[float]) -> Any:
        found = self.ims["ions"].extract_ions(
            self.dataset, numbers(mz[:1]), tolerance_da=self.tolerance, index=self.index
        )
        return found.images[0]

    def images(self, path: Path, mz: list[float]) -> Any:
        return self.ims["ions"].extract_ions(self.dataset, numbers(mz), tolerance_da=self.tolerance).images[0]

    def vectors(self, path: Path, mz: list[float]) -> None:
        self.ims["normalization"].pixel_vectors(self.dataset)

    def tic(self, path: Path, mz: list[float]) -> None:
        # A TIC-only pass is an ion image whose one window holds everything.
        self.ims["ions"].extract_ions(self.dataset, numbers(mz[:1]), tolerance_da=ALL_DA)

    def mean(self, path: Path, mz: list[float]) -> None:
        self.ims["mean_spectrum"].mean_spectrum(self.dataset)

    def build_index(self, path: Path, mz: list[float]) -> None:
        self.ims["index"].build_index(self.dataset, folder=self.folder)

    def find_index(self, path: Path, mz: list[float]) -> None:
        self.index = self.ims["index"].find_index(self.dataset, folder=self.folder)
        if self.index is None:
            raise SystemExit(f"expected the index of {path.name} in {self.folder}, found none")

    def array_bytes(self) -> int:
        fields = (getattr(self.dataset, name) for name in self.dataset.__dataclass_fields__)
        return sum(field.nbytes for field in fields if hasattr(field, "nbytes"))


class PyimzML:
    """The reference reader: its parser and its getionimage; vectors by a loop over its getspectrum."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.pyimzml = importlib.import_module("pyimzml.ImzMLParser")
        self.tolerance = request["tolerance_da"]

    def open(self, path: Path, mz: list[float]) -> None:
        self.parser = self.pyimzml.ImzMLParser(str(path))

    def image(self, path: Path, mz: list[float]) -> Any:
        return self.pyimzml.getionimage(self.parser, mz[0], self.tolerance)

    def vectors(self, path: Path, mz: list[float]) -> None:
        import numpy as np

        for i in range(len(self.parser.coordinates)):
            _, intensity = self.parser.getspectrum(i)
            square = np.square(intensity, dtype=np.float64)
            self.last = intensity.sum(dtype=np.float64), np.sqrt(square.mean()), np.median(intensity)


class Imzy:
    """imzy keeps the offsets of a file that it has opened in an .icache beside it."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.get_reader = importlib.import_module("imzy").get_reader
        self.tolerance = request["tolerance_da"]
        if request["fresh"]:
            Path(request["path"]).with_suffix(".icache").unlink(missing_ok=True)

    def open(self, path: Path, mz: list[float]) -> None:
        self.reader = self.get_reader(path)

    def image(self, path: Path, mz: list[float]) -> Any:
        return self.reader.get_ion_image(mz[0], tol=self.tolerance, silent=True)

    def images(self, path: Path, mz: list[float]) -> Any:
        return self.reader.get_ion_images(mz, tol=self.tolerance, silent=True)[0]

    def tic(self, path: Path, mz: list[float]) -> None:
        self.reader.get_tic(silent=True)

    def mean(self, path: Path, mz: list[float]) -> None:
        self.reader.get_summed_spectrum(self.reader.pixels, silent=True)


class M2aia:
    """M2aia's library; opening includes the mean spectrum and the normalisation images."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.m2aia = importlib.import_module("m2aia")
        self.tolerance = request["tolerance_da"]

    def open(self, path: Path, mz: list[float]) -> None:
        self.reader = self.m2aia.ImzMLReader(str(path), pooling=self.m2aia.m2PoolingSum)

    def image(self, path: Path, mz: list[float]) -> Any:
        return self.reader.GetArray(mz[0], self.tolerance, squeeze=True)


class Raw:
    """No reader: the .ibd from its beginning to its end into a buffer."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.buffer = bytearray(BUFFER_BYTES)

    def read(self, path: Path, mz: list[float]) -> None:
        read_through(path.with_suffix(".ibd"), self.buffer)


READERS = {"napari-metime": Metime, "pyimzML": PyimzML, "imzy": Imzy, "m2aia": M2aia, "raw": Raw}
PACKAGES = ("napari-metime", "pyimzML", "imzy", "m2aia", "numpy", "numba")


def measure(request: dict[str, Any]) -> dict[str, Any]:
    """Do the steps of a request, each timed, with the memory that the process took for it."""
    path, tiny = Path(request["path"]), Path(request["tiny"])
    for file in (path, path.with_suffix(".ibd")):
        # A small buffer: freeing a large one makes malloc keep later arrays, which then count as kept by the reader.
        read_through(file, bytearray(SMALL_BUFFER_BYTES))
    start = time.perf_counter()
    reader = READERS[request["reader"]](request)
    result: dict[str, Any] = {"import_s": time.perf_counter() - start, "steps": {}, "versions": versions()}
    if request["warm_up"]:
        for step in request["steps"]:
            do(reader, step, tiny, request["mz"])
    result["import_mb"] = memory_mb("VmRSS")
    for step in request["steps"]:
        result["steps"][step] = timed(reader, step, path, request["mz"])
    if request["reader"] == "napari-metime":
        result["array_bytes"] = reader.array_bytes()
    return result


def timed(reader: Any, step: str, path: Path, mz: list[float]) -> dict[str, Any]:
    if step.endswith(":disk"):
        forget(path.with_suffix(".ibd"))
    gc.collect()
    before = memory_mb("VmRSS")
    with contextlib.suppress(OSError):  # where this is not allowed, the peak is that of all steps up to this one
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    start = time.perf_counter()
    image = do(reader, step, path, mz)
    seconds = time.perf_counter() - start
    peak = memory_mb("VmHWM")
    gc.collect()
    return {
        "seconds": seconds,
        "peak_mb": peak,
        "grown_mb": peak - before,
        "kept_mb": memory_mb("VmRSS") - before,
        "check": None if image is None else check(image),
    }


def do(reader: Any, step: str, path: Path, mz: list[float]) -> Any:
    """A step is a method of the reader, a remark may follow a colon; ``singles`` is ``image``, m/z by m/z."""
    method = step.partition(":")[0]
    if method != "singles":
        return getattr(reader, method)(path, mz)
    for i in range(len(mz)):
        image = reader.image(path, mz[i:])
    return image


def numbers(mz: list[float]) -> Any:
    import numpy as np

    return np.array(mz)


def check(image: Any) -> list[float]:
    """Two sums of an image, the second of which depends on where the values stand."""
    import numpy as np

    values = np.nan_to_num(np.asarray(image, dtype=np.float64)).ravel()
    return [float(values.sum()), float(values @ np.arange(values.size)) / values.size]


def read_through(path: Path, buffer: bytearray) -> None:
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass


def forget(path: Path) -> None:
    """Let the system drop the file from its memory, so that it comes from the disk."""
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def memory_mb(name: str) -> float:
    """VmRSS is what the process has in memory now, VmHWM the most it had; both with the pages of mapped files."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    raise SystemExit(f"expected {name} in /proc/self/status, found none; this benchmark needs Linux")


def versions() -> dict[str, str]:
    found = {"Python": platform.python_version()}
    for name in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def main() -> None:
    request = json.loads(sys.argv[1])
    Path(request["result"]).write_text(json.dumps(measure(request)), encoding="utf-8")


if __name__ == "__main__":
    main()
