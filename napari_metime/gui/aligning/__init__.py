"""Alignment by hand: pairs of landmarks and what fits them."""
