"""The command line: parse, call, print."""

from __future__ import annotations

import argparse
import io
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from napari_metime import __version__
from napari_metime.annotate_command import add_annotate
from napari_metime.errors import MetimeError, MissingFileError, OutputError, UsageError
from napari_metime.info_command import add_info
from napari_metime.terminal import CLOSED_PIPE, flush_output, let_go_of_output, progress_bar, tell_warnings

if TYPE_CHECKING:
    from napari_metime.recipe import Recipe
    from napari_metime.section import Dataset, Progress, SectionResult


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code: 0, 2 for bad input, 130 for Ctrl-C, 141 where nobody reads on."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a µ must not end a run where the console has none
    try:
        options = _parser().parse_args(arguments)
        options.command(options)
        flush_output()
    except MetimeError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; nothing was written", file=sys.stderr)
        if arguments is None:
            # Python itself would end by the signal where the interrupt fell into an import.
            sys.stderr.flush()
            os._exit(130)
        return 130
    except BrokenPipeError:  # `| head` has seen enough: that is no error
        let_go_of_output()
        return CLOSED_PIPE
    return 0


_LACKS_VALUE = re.compile(r"argument (?:.*/)?(--?[\w-]+): expected (?:one|at least one) argument")
"""What argparse says of an option whose value it takes for another option, as that begins with a minus: -H."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        option = _LACKS_VALUE.match(message)
        hint = f"; write a value that begins with - after an equals sign: {option[1]}=VALUE" if option else ""
        raise UsageError(f"expected {self.usage or self.format_usage()[7:].strip()}; found: {message}{hint}")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        flush_output()  # of the help
        super().exit(status, message)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="napari-metime",
        allow_abbrev=False,
        description="Immune-cold niches and metabolites in imaging mass spectrometry. For research use only.",
    )
    parser.add_argument("--version", action="version", version=f"napari-metime {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, command: Any) -> argparse.ArgumentParser:
        text = command.__doc__.strip().splitlines()[0]
        added = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        added.set_defaults(command=command)
        return added

    demo = add("demo", _demo)
    demo.add_argument("--out", type=Path, metavar="DIR", help="folder of the results; else in the cache folder")
    demo.add_argument("--headless", action="store_true", help="do not open napari, even where there is a screen")

    opened = add("open", _open)
    kinds = "imzML files, a recipe, or a saved project; none opens an empty window"
    opened.add_argument("files", type=Path, nargs="*", metavar="FILE|RECIPE.yaml|PROJECT", help=kinds)

    _add_file_commands(add)

    run = add("run", _run)
    run.add_argument("recipe", type=Path, metavar="RECIPE.yaml", help="every parameter of the run (docs/recipe.md)")
    run.add_argument("--out", type=Path, metavar="DIR", help="folder of the results; else beside the recipe")

    simulate = add("simulate", _simulate)
    simulate.add_argument("folder", type=Path, metavar="DIR", help="folder to make")
    simulate.add_argument("--seed", type=int, metavar="N", help="the same seed gives the same section")
    simulate.add_argument("--niches", dest="n_niches", type=int, metavar="N", help="planted niches; 0 is possible")
    simulate.add_argument("--radius", dest="niche_radius_um", type=float, metavar="UM", help="radius of a niche in µm")
    simulate.add_argument("--shape", dest="niche_shape", metavar="NAME", help="disc, ellipse, ragged or banana")
    simulate.add_argument("--rate", dest="niche_rate", type=float, metavar="R", help="effector rate, niche / bed")
    simulate.add_argument("--pixel-size", dest="pixel_size_um", type=float, metavar="UM", help="imaging pixel in µm")
    simulate.add_argument("--mode", choices=["processed", "continuous"], help="how m/z are stored")
    return parser


def _add_file_commands(add: Callable[[str, Any], argparse.ArgumentParser]) -> None:
    """Add the commands that take one imzML, and how it is opened."""

    def add_for_file(name: str, command: Any) -> argparse.ArgumentParser:
        added = add(name, command)
        added.add_argument("file", type=Path, metavar="FILE.imzML", help="its .ibd lies beside it")
        added.add_argument("--plane", type=int, metavar="Z", help="z of the plane to take; else the lowest")
        added.add_argument("--skip-broken", action="store_true", help="open what a damaged file still holds")
        return added

    add_info(add_for_file, _open_file)

    ion = add_for_file("ion", _ion)
    ion.add_argument("--mz", type=float, nargs="+", required=True, metavar="M", help="one m/z or several")
    tolerance = ion.add_mutually_exclusive_group(required=True)
    tolerance.add_argument("--ppm", type=float, metavar="P", help="half width of the window in ppm")
    tolerance.add_argument("--da", type=float, metavar="D", help="half width of the window in Da")
    ways = ["none", "tic", "rms", "median"]
    ion.add_argument("--normalize", choices=ways, default="none", help="divide each pixel by that; else none")
    kinds = ".npy, .ome.tif, .png, .h5ad or .zarr"
    ion.add_argument("-o", dest="output", type=Path, required=True, metavar="OUT", help=f"file to write: {kinds}")

    save = add_for_file("save", _save)
    save.add_argument("-o", dest="output", type=Path, required=True, metavar="OUT.imzML", help="file to write")
    save.add_argument("--part", metavar="NAME", help="keep one part of the grid, as info names it")
    save.add_argument("--mask", type=Path, metavar="MASK.tif", help="keep pixels above 0 of an image on the grid")
    save.add_argument("--mz", type=float, nargs="+", metavar="M", help="keep points around these m/z")
    save.add_argument("--ppm", type=float, metavar="P", help="half width of the windows around --mz in ppm")
    save.add_argument("--mode", choices=["processed", "continuous"], help="how m/z are stored; else as in the file")

    index = add_for_file("index", _index)
    index.add_argument("--cache", type=Path, metavar="DIR", help="folder of the index; else beside the file")

    add_for_file("panel", _panel)
    add_annotate(add_for_file, _open_file)


def _demo(options: argparse.Namespace) -> None:
    """Run the main job on the built-in simulated section."""
    from napari_metime.recipe import load_recipe
    from napari_metime.sample import sample_recipe

    with progress_bar() as on_progress:
        recipe_path = sample_recipe(on_progress=on_progress)
    recipe = load_recipe(recipe_path)
    result = _run_section(recipe, recipe_path, options.out or recipe_path.parent / f"{recipe.section.id}_results")
    if not options.headless and _has_screen():
        _open_window(recipe=recipe, result=result)


def _open(options: argparse.Namespace) -> None:
    """Open napari with a section, a recipe or a saved project, or with nothing yet."""
    projects = [path for path in options.files if path.suffix == ".metime" or path.is_dir()]
    for path in options.files:
        if path not in projects and not path.is_file():
            raise MissingFileError(f"expected a file at {path}, found none; check the path")
    recipes = [path for path in options.files if path.suffix.lower() in (".yaml", ".yml")]
    if (recipes or projects) and len(options.files) > 1:
        raise UsageError("expected imzML files, one recipe or one project, found more; open the other files apart")
    if recipes:
        from napari_metime.recipe import load_recipe

        _open_window(recipe=load_recipe(recipes[0]))
        return
    if projects:
        from napari_metime.project import read_head

        read_head(projects[0])  # what is none is told here, not in a window
    _open_window(files=options.files)


def _ion(options: argparse.Namespace) -> None:
    """Write ion images: the summed intensity in [m/z - tolerance, m/z + tolerance]."""
    import numpy as np

    from napari_metime.export import check_image_name, write_anndata, write_images
    from napari_metime.ims import extract_ions, find_index, normalization_factors, pixel_vectors
    from napari_metime.recipe import MAX_MZ, ImsRecipe

    if not all(0 < m <= MAX_MZ for m in options.mz):
        raise UsageError(f"expected m/z above 0 and up to {MAX_MZ:,.0f}, found {options.mz}; mend --mz")
    kind = check_image_name(options.output)
    with progress_bar() as on_progress:
        dataset = _open_file(options, lambda d, t: on_progress(0.3 * d, t))
        recipe = ImsRecipe(path=options.file, normalize=options.normalize)
        factors = normalization_factors(dataset, recipe, dataset.measured)
        found = extract_ions(
            dataset,
            np.array(options.mz),
            tolerance_ppm=options.ppm,
            tolerance_da=options.da,
            factors=factors,
            index=find_index(dataset),
            on_progress=lambda d, t: on_progress(0.3 + 0.7 * d, t),
        )
    names = [f"mz:{m:.4f}" for m in options.mz]
    if kind in (".h5ad", ".zarr"):
        tic = pixel_vectors(dataset).tic
        write_anndata(found.images, options.output, names=names, mz=np.array(options.mz), tic=tic, dataset=dataset)
    else:
        images = found.images[0] if len(names) == 1 else found.images
        write_images(images, options.output, names=names, pixel_size_um=dataset.grid.pixel_size_um)
    tell_warnings(dataset.warnings)


def _save(options: argparse.Namespace) -> None:
    """Save a part of an imzML as an imzML: some pixels, some m/z windows, the values untouched."""
    import numpy as np

    from napari_metime.ims import read_mask
    from napari_metime.pipeline import save_part

    with progress_bar() as on_progress:
        dataset = _open_file(options, lambda d, t: on_progress(0.3 * d, t), part=options.part)
        save_part(
            dataset,
            options.output,
            mask=None if options.mask is None else read_mask(options.mask, shape=dataset.grid.shape),
            mz=None if options.mz is None else np.array(options.mz),
            tolerance_ppm=options.ppm,
            mode=options.mode,
            on_progress=lambda d, t: on_progress(0.3 + 0.7 * d, t),
        )
    tell_warnings(dataset.warnings)


def _index(options: argparse.Namespace) -> None:
    """Sort the points of a file by m/z, once; every ion image comes from that at once, however large the file."""
    from napari_metime.ims import build_index

    with progress_bar() as on_progress:
        dataset = _open_file(options, lambda d, t: on_progress(0.2 * d, t))
        folder = build_index(dataset, folder=options.cache, on_progress=lambda d, t: on_progress(0.2 + 0.8 * d, t))
    tell_warnings(dataset.warnings)
    print(f"Index: {folder}")


def _panel(options: argparse.Namespace) -> None:
    """Print which metabolites of the panel this file can show, and why not the others."""
    from napari_metime.panel_command import panel_lines
    from napari_metime.pipeline import find_tissue, measure_channels, open_dataset
    from napari_metime.recipe import ChannelsRecipe, ImsRecipe, TissueRecipe

    ims = ImsRecipe(path=options.file, plane=options.plane, skip_broken=options.skip_broken)
    dataset = open_dataset(ims)
    with progress_bar() as on_progress:
        tissue = find_tissue(dataset, TissueRecipe(), on_progress=lambda d, t: on_progress(d / 2, t))
        channels = measure_channels(
            dataset, tissue, ims, ChannelsRecipe(), on_progress=lambda d, t: on_progress(0.5 + d / 2, t)
        )
    tell_warnings((*dataset.warnings, *channels.warnings))
    lines = panel_lines(
        channels.table, source=options.file.name, polarity=dataset.polarity, mz_range=dataset.mz_range
    )
    print("\n".join(lines))


def _run(options: argparse.Namespace) -> None:
    """Run a recipe and write the results folder; ims.part: each makes one folder a part."""
    from napari_metime.recipe import load_recipe

    recipe = load_recipe(options.recipe)
    folder = options.out or options.recipe.absolute().parent / f"{recipe.section.id}_results"
    if recipe.ims.part == "each":
        _run_each_part(recipe, options.recipe, folder)
    else:
        _run_section(recipe, options.recipe, folder)


def _simulate(options: argparse.Namespace) -> None:
    """Simulate a section with known truth, and a recipe for it."""
    from napari_metime.simulate import SectionPlan, simulate_section

    keys = ("seed", "n_niches", "niche_radius_um", "niche_shape", "niche_rate", "pixel_size_um", "mode")
    asked = {key: getattr(options, key) for key in keys if getattr(options, key) is not None}
    with progress_bar() as on_progress:
        path = simulate_section(options.folder, SectionPlan(**asked), on_progress=on_progress)
    print(f"Simulated section in {options.folder}")
    print(f"Run it with: napari-metime run {path}")


def _run_section(recipe: Recipe, recipe_path: Path, folder: Path) -> SectionResult:
    from napari_metime.export import check_output_folder, niche_sentences
    from napari_metime.pipeline import run
    from napari_metime.section import share_of
    from napari_metime.writing import write_results

    check_output_folder(folder, recipe, recipe_path=recipe_path)
    with progress_bar() as on_progress:
        result = run(recipe, on_progress=share_of(on_progress, 0.0, 0.95))
        write_results(result, recipe, folder, on_progress=share_of(on_progress, 0.95, 1.0))
    tell_warnings(result.warnings)
    print("\n".join((result.niches.map.note, *niche_sentences(result.niches))))
    print(f"Results: {folder}")
    if recipe.export.report:
        print(f"Report:  {folder / 'report.html'}")
    return result


def _run_each_part(recipe: Recipe, recipe_path: Path, folder: Path) -> None:
    """Run the parts of a file one by one; a part that cannot be run keeps none of the others from it."""
    from napari_metime.pipeline import recipes_of_parts

    parts = recipes_of_parts(recipe)
    failed = []
    for name, of_part in parts.items():
        print(f"{name}:")
        try:
            _run_section(of_part, recipe_path, folder / of_part.section.id)
        except MetimeError as error:
            failed.append(name)
            print(f"{name} was not run: {' '.join(str(error).split())}", file=sys.stderr)
    if failed:
        raise UsageError(
            f"expected {len(parts)} parts to run, found {len(failed)} that did not ({', '.join(failed)}); "
            "the reasons stand above, the others are written"
        )


def _open_file(options: argparse.Namespace, on_progress: Progress, part: str | None = None) -> Dataset:
    """Open the imzML of a command as its options ask for it."""
    from napari_metime.ims import open_imzml

    plane, skip = options.plane, options.skip_broken
    return open_imzml(options.file, part=part, plane=plane, skip_broken=skip, on_progress=on_progress)


def _has_screen() -> bool:
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _open_window(
    *, files: Sequence[Path] = (), recipe: Recipe | None = None, result: SectionResult | None = None
) -> None:
    try:
        from napari_metime.gui.app import open_window
    except ModuleNotFoundError as error:
        raise OutputError(
            f"expected napari for the window, found no module {error.name!r}; "
            "install it with: pip install 'napari-metime[gui]'"
        ) from error
    open_window(files=list(files), recipe=recipe, result=result)


if __name__ == "__main__":
    sys.exit(main())
