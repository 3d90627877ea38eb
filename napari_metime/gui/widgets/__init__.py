"""Pieces of Qt that know nothing of a section: editors, forms, tables of rows, the style."""
