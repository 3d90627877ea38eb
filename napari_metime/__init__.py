"""napari-metime: immune-cold niches and metabolites in imaging mass spectrometry."""

__version__ = "0.1.0"
