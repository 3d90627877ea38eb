"""What a reader is shown of a channel: files and recipes name it by a key, the window and the report in words."""

from __future__ import annotations

AXIS_PREFIX = "axis:"
_MZ_PREFIX = "mz:"
AXIS_LABELS = {
    "lactate_glycolysis": "Lactate and glycolysis",
    "lipid_FA": "Fatty acids",
    "lipid_FAO": "Fatty acid oxidation",
    "lipid_phospholipid": "Phospholipids",
    "lipid_cholesterol": "Cholesterol",
    "lipid_neutral": "Neutral lipids",
    "lipid_eicosanoid": "Eicosanoids",
    "ferroptosis": "Ferroptosis",
    "cuproptosis": "Cuproptosis",
    "trp_kyn": "Tryptophan and kynurenine",
    "arginine": "Arginine",
    "glutamine": "Glutamine",
    "TCA": "TCA cycle",
    "energy_adenosine": "Energy and adenosine",
    "OXPHOS": "Oxidative phosphorylation",
}
"""The axes of the built-in panel."""
RATIO_LABELS = {
    "lactate_pyruvate": "Lactate / pyruvate",
    "lactate_glucose": "Lactate / glucose",
    "kyn_trp": "Kynurenine / tryptophan",
    "kyna_kyn": "Kynurenic acid / kynurenine",
    "3hk_kyn": "3-Hydroxykynurenine / kynurenine",
    "fao_cpt1": "Long-chain acylcarnitines / carnitine",
    "fao_cpt2": "Long-chain acylcarnitines / acetylcarnitine",
    "ac_total_free": "Acylcarnitines / free carnitine",
    "scd_16": "Palmitoleate / palmitate",
    "scd_18": "Oleate / stearate",
    "pufa_mufa": "Polyunsaturated / monounsaturated fatty acids",
    "ce_chol": "Cholesteryl esters / cholesterol",
    "chol_pl": "Cholesterol / phosphatidylcholine",
    "lpc_pc": "Lysophosphatidylcholines / phosphatidylcholines",
    "tg_pl": "Triacylglycerols / phosphatidylcholines",
    "gsh_gssg": "Glutathione / glutathione disulfide",
    "oxpe_index": "Oxidised share of phosphatidylethanolamines",
    "pufa_pe_frac": "Polyunsaturated / monounsaturated phosphatidylethanolamines",
    "cystine_gsh": "Cystine / glutathione",
    "arg_orn": "Arginine / ornithine",
    "gabr": "Arginine / (ornithine + citrulline)",
    "polyamine": "Polyamines / ornithine",
    "gln_glu": "Glutamine / glutamate",
    "akg_cit": "α-Ketoglutarate / citrate",
    "succ_fum": "Succinate / fumarate",
    "aec": "Adenylate energy charge",
    "amp_atp": "AMP / ATP",
    "ado_amp": "Adenosine and its products / adenine nucleotides",
    "nadh_nad": "NADH / NAD+",
    "cu_zn": "Copper / zinc",
    "cu_fe": "Copper / iron",
}
"""The ratios of the built-in table."""


def axis_label(axis: str) -> str:
    """Return the name of an axis for a reader; one of a user's own panel is called as it is, without underscores."""
    return AXIS_LABELS.get(axis, axis.replace("_", " "))


def label_of(channel: str) -> str:
    """Return what a reader is shown of a channel.

    Parameters
    ----------
    channel : its name in files and recipes: a metabolite's, ``kyn_trp``, ``axis:arginine``, ``mz:89.0244``

    Returns
    -------
    label : ``Kynurenine / tryptophan``, ``Arginine axis``, ``m/z 89.0244``; a metabolite's name stays as it is
    """
    if channel.startswith(AXIS_PREFIX):
        return f"{axis_label(channel.removeprefix(AXIS_PREFIX))} axis"
    if channel.startswith(_MZ_PREFIX):
        return f"m/z {channel.removeprefix(_MZ_PREFIX)}"
    return RATIO_LABELS.get(channel, channel)
