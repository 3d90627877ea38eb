"""A paragraph for a paper: what was done, with the parameters, the versions and the references of this run."""

from __future__ import annotations

import re
from collections.abc import Mapping

from napari_metime import __version__
from napari_metime.export.provenance import package_versions
from napari_metime.export.words import DIVISORS, domain_in_words, is_known, number, one_line, plural
from napari_metime.recipe import AlignRecipe, ImsRecipe, Recipe
from napari_metime.section import SectionResult

REFERENCES: Mapping[str, str] = {
    "review": "Li et al. 2025, Front Immunol, doi 10.3389/fimmu.2025.1742855",
    "recalibration": "La Rocca et al. 2021, Anal Chem, doi 10.1021/acs.analchem.0c05071",
    "evidence": "Palmer et al. 2017, Nat Methods 14:57, doi 10.1038/nmeth.4072",
    "landmarks": "Umeyama 1991, IEEE PAMI 13:376",
    "plate": "Wahba 1990, Spline Models for Observational Data",
    "mattes": "Mattes 2001, Proc SPIE 4322:1609",
    "domain": "Kelsall & Diggle 1995, Bernoulli 1:3",
    "lymphoid": "Ester et al. 1996, KDD 96:226",
    "mass": "Bullmore 1999, IEEE TMI 18:32",
    "permutation": "Nichols & Holmes 2002, Hum Brain Mapp 15:1, doi 10.1002/hbm.1058",
    "clumping": "Møller, Syversveen & Waagepetersen 1998, Scand J Stat 25:451",
    "border": "Murray, Adams & MacKay 2010, AISTATS, PMLR 9:541",
    "rates": "Clopper & Pearson 1934, Biometrika 26:404",
    "effective": "Clifford, Richardson & Hémon 1989, Biometrics 45:123",
    "t": "Dutilleul 1993, Biometrics 49:305",
    "shift": "Mrkvička, Dvořák, González & Mateu 2021, Spat Stat 42:100430",
    "rank": "Foroutan et al. 2018, BMC Bioinformatics 19:404",
}
"""As the pages of the documentation and the code cite them; nothing is cited here that is not there."""
_MARK = re.compile("\0([a-z ]+)\0")
"""No name can forge one: ``one_line`` leaves no letter that cannot be seen."""
_SOFTWARE = ("python", "numpy", "scipy", "pandas", "scikit-image")
_TRANSFORMS = {
    "rigid": "rigid",
    "similarity": "similarity",
    "affine": "affine",
    "thin_plate": "smoothed thin-plate",
    "bspline": "B-spline",
}
_COVARIATES = {"tumor_fraction": "tumour fraction", "cell_density": "cell density", "depth": "depth in the domain"}


def methods_text(recipe: Recipe, result: SectionResult) -> str:
    """Return two paragraphs of a methods section, in the past tense, and the references that they number.

    Parameters
    ----------
    recipe : Recipe
        What was run.
    result : SectionResult
        What it gave: numbers of spectra and cells, the window, the errors.
    """
    first = [_data(recipe, result), _tissue(recipe, result), _channels(recipe, result)]
    first += [_cells(recipe, result), _alignment(recipe, result)]
    second = [_domain(recipe), _search(recipe, result), _tables(recipe, result), _software(recipe)]
    paragraphs = [" ".join(filter(None, part)) for part in (first, second)]
    return _numbered("\n\n".join(paragraphs))


def cite(*keys: str) -> str:
    """Return the mark of references in a text that is still to be numbered."""
    return f"\0{' '.join(keys)}\0"


def _numbered(text: str) -> str:
    """Number the references of a text in the order in which it first names them, and list them below it."""
    keys = list(dict.fromkeys(key for mark in _MARK.findall(text) for key in mark.split()))

    def numbers(mark: re.Match[str]) -> str:
        return f"[{', '.join(str(keys.index(key) + 1) for key in mark[1].split())}]"

    listed = "\n".join(f"{i}. {REFERENCES[key]}." for i, key in enumerate(keys, start=1))
    return f"{_MARK.sub(numbers, text)}\n\nReferences\n{listed}\n"


def _data(recipe: Recipe, result: SectionResult) -> str:
    data, ims = result.dataset, recipe.ims
    height, width = data.grid.spacing_um
    size = f"{height:g} µm" if height == width else f"{height:g} x {width:g} µm (y, x)"
    mode = f"{data.polarity} ion mode, " if data.polarity else ""
    part = "" if ims.part is None else f" of the part {one_line(str(ims.part))} of the file"
    spectra = "1 spectrum" if data.n_spectra == 1 else f"{data.n_spectra:,} spectra"
    text = f"Imaging mass spectrometry data (imzML, {mode}{data.mode}) with {spectra}"
    shift = {"file": "once for the file", "row": "for each pixel row"}.get(ims.recalibrate)
    recalibrated = f" m/z were recalibrated {shift} against {_locks(ims)} {cite('recalibration')}." if shift else ""
    return (
        f"{text}{part} at a pixel size of {size} were analysed with napari-metime {__version__}."
        f"{recalibrated}"
    )


def _locks(ims: ImsRecipe) -> str:
    n = len(ims.lock_mz)
    return "the ions of the panel" if n == 0 else "one lock mass" if n == 1 else f"{n} lock masses"


def _tissue(recipe: Recipe, result: SectionResult) -> str:
    method = recipe.tissue.method
    if result.tissue.method == "painted":
        how = "was outlined by hand"
    elif method == "none":
        how = "was taken to be every measured pixel"
    elif method in ("auto", "otsu", "clusters"):
        how = f"was told from background by its spectra (method {method!r})"
    elif method == "cells":
        how = "was taken to lie within 50 µm of a cell"
    elif method.startswith("microscopy:"):
        name = one_line(method.removeprefix("microscopy:"))
        how = f"was told from background by a channel of the microscopy ({name})"
    else:
        how = "was given by a mask"
    left_out = " Areas named by hand or by a mask were left out." if recipe.tissue.exclude is not None else ""
    regions, found = recipe.tissue.regions, result.tissue.regions
    divided = ""
    if found is not None and regions.method != "none":
        by = {"kmeans": "k-means", "mixture": "a mixture of Gaussians"}[regions.method]
        divided = f" It was divided into regions by its spectra ({by})."
    return f"Tissue {how}.{left_out}{divided}"


def _channels(recipe: Recipe, result: SectionResult) -> str:
    kinds = [channel.kind for channel in result.channels.channels]
    if not kinds:
        return "No channel was measured."
    counts = {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}
    words = {"ion": "ion image", "ratio": "ratio", "axis": "axis score", "image": "other image"}
    told = _joined([plural(n, words[kind]) for kind, n in counts.items()])
    text = f"{told} {'were' if len(kinds) > 1 else 'was'} made."
    if recipe.channels.panel == "builtin":
        text += f" Metabolites and their axes were those of a panel made from a review {cite('review')}."
    if "ion" in counts:
        text += f" Ion images are sums of intensity within ±{recipe.ims.tolerance_ppm:g} ppm{_normalised(recipe.ims)}."
        if recipe.channels.panel:
            text += f" Which ions of the panel are seen was judged by images and isotopes, after {cite('evidence')}."
    if "ratio" in counts:
        text += " Ratios are log2 of sums of ions."
    if "axis" in counts:
        least = recipe.channels.min_members
        text += f" Axis scores are signed means of z-scores of at least {least} seen ions"
        text += f", told beside rank scores {cite('rank')}."
    return text


def _normalised(ims: ImsRecipe) -> str:
    if ims.normalize == "none":
        return ", not normalised"
    by_ion = f"intensity of the ion at m/z {ims.reference_mz}"
    divisor = by_ion if ims.normalize == "reference" else DIVISORS[ims.normalize].words
    return f", normalised to the {divisor} of each pixel (times median(f) / f, the median over tissue pixels)"


def _cells(recipe: Recipe, result: SectionResult) -> str:
    cells, roles = result.cells, recipe.cells.roles
    names = {"effector": "effector cells", "suppressor": "suppressor cells", "tumor": "tumour cells"}
    told = [
        f"{int(cells.has_role(role).sum()):,} {names[role]} ({', '.join(map(one_line, types))})"
        for role, types in roles.items()
        if types
    ]
    gated = " Cell types were set by rules on markers." if recipe.cells.gates else ""
    unsure = " How likely each type is right was taken from the table." if recipe.cells.type_probability else ""
    return f"Of {plural(cells.n_cells, 'cell')}, {_joined(told)} were counted.{gated}{unsure}"


def _alignment(recipe: Recipe, result: SectionResult) -> str:
    final, refined = result.alignment, result.refined_from
    rough = final if refined is None else refined.rough
    if rough.n_landmarks:
        source = {"thin_plate": "plate", "rigid": "landmarks", "similarity": "landmarks"}.get(rough.kind)
        by = f" {cite(source)}" if source else ""
        kind = _TRANSFORMS.get(rough.kind, rough.kind)
        by = f"{'an' if kind[0] in 'aeiou' else 'a'} {kind} transform on {rough.n_landmarks} landmarks{by}"
        text = f"Cells were brought into the frame of the section by {by}"
        missed = rough.target_error_um
        text += f" (leave-one-out error {number(missed)} µm)." if is_known(missed) else " (error not estimated)."
    elif recipe.align == "none":
        text = "Cells were taken to lie in the frame of the section."
    else:
        given = "a matrix" if isinstance(recipe.align, AlignRecipe) and recipe.align.matrix else "a given transform"
        text = f"Cells were brought into the frame of the section by {given}."
    if refined is not None and refined.accepted:
        kind = _TRANSFORMS.get(final.kind, final.kind)
        text += f" It was refined by the images ({kind}; mutual information {cite('mattes')})."
    elif refined is not None:
        text += " A refinement by the images was tried and not accepted."
    if final.extra_error_um:
        text += f" A further error of {number(final.extra_error_um)} µm was stated, as for a serial section."
    if is_known(final.error_um) and (refined is not None or final.extra_error_um):
        text += f" The alignment error was {number(final.error_um)} µm in all."
    return text


def _domain(recipe: Recipe) -> str:
    niches = recipe.niches
    if niches.domain == "tumor_bed":
        share = f"at least {niches.min_tumor_fraction:g} {cite('domain')}"
        text = f"The domain was the tumour bed: tissue with a kernel fraction of tumour cells of {share}."
    else:
        text = f"The domain was the {'whole ' if niches.domain == 'tissue' else ''}{domain_in_words(niches.domain)}."
    if niches.mask_lymphoid:
        text += f" Lymphoid structures {cite('lymphoid')} were left out of it."
    return text


def _search(recipe: Recipe, result: SectionResult) -> str:
    niches, found = recipe.niches, result.niches.map
    if not found.assessable.any():
        return "Immune-cold niches were not assessable anywhere in it, and none was searched for."
    among = {"all": "all", "immune": "immune", "non_tumor": "non-tumour"}[niches.reference]
    null = _null(result)
    text = (
        f"Immune-cold niches are connected regions with fewer effector cells among {among} cells than expected. Counts "
        f"in a moving window of {number(found.radius_um)} µm radius gave hypergeometric lower tails; the mass of "
        f"clusters of windows {cite('mass')} was compared with the largest of {niches.n_permutations:,} drawings from "
        f"{null} (family-wise over the section {cite('permutation')}, alpha = {niches.alpha:g}). Effectors per cell "
        f"and per mm² had to be at most {niches.max_rate_ratio:g} of the rest's. Borders were drawn from the posterior "
        f"of a Gaussian field {cite('border')}."
    )
    if niches.inflamed:
        text += " Regions with more effectors were searched for alike, by the upper tail."
    n = found.n_niches
    if not n:
        return f"{text} No niche was found."
    graded = f"graded by the effectors in the ring around it, with exact limits for Poisson rates {cite('rates')}"
    return f"{text} {plural(n, 'niche')} {'was found and' if n == 1 else 'were found; each was'} {graded}."


def _null(result: SectionResult) -> str:
    null = result.niches.map.null
    if null is None or not (null.depth_slope_per_mm or null.clumping_sd > 0):
        return "random labels of the cells"
    parts = ["a rate that changed with depth"] if null.depth_slope_per_mm else []
    if null.clumping_sd > 0:
        parts.append(f"clumping as of a log-Gaussian Cox process {cite('clumping')}")
    return f"a null fitted outside the candidates ({_joined(parts)})"


def _tables(recipe: Recipe, result: SectionResult) -> str:
    if not result.channels.channels:
        return ""
    text = ""
    if result.niches.map.n_niches:
        text = "Channels in a niche were compared with the rest (95 % intervals from the autocovariance of the image)"
        if result.niches.regions.filter(like="p_moved_").notna().any(axis=None):
            text += " and with tissue of like depth and tumour fraction (the niche's shape moved to other places)"
        text += "."
    if (result.niches.associations["status"] == "tested").any():
        names = [_COVARIATES[name] for name in recipe.associations.covariates]
        after = f", after splines of {_joined(names)} were taken from both," if names else ""
        text += (
            f" Coldness was correlated with each channel over the assessable pixels{after} and tested by the modified "
            f"t test {cite('effective', 't')} and by random shifts {cite('shift')}; q values are Benjamini-Hochberg's "
            "from the larger of the two p, over axis scores and over all other channels apart."
        )
    return text.strip()


def _software(recipe: Recipe) -> str:
    versions = package_versions()
    names = {"python": "Python", "numpy": "NumPy", "scipy": "SciPy"}
    told = [f"{names.get(name, name)} {versions[name]}" for name in _SOFTWARE if name in versions]
    return f"The seed was {recipe.seed}; software: napari-metime {__version__}, {', '.join(told)}."


def _joined(names: list[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
