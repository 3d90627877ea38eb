"""``python -m napari_metime``: the command line, where no script of it is on the path."""

from __future__ import annotations

import sys

from napari_metime.cli import main

if __name__ == "__main__":
    sys.exit(main())
