"""Where what a person saves is proposed to go. No Qt here."""

from __future__ import annotations

from pathlib import Path

from platformdirs import user_documents_path

from napari_metime.gui.state.session import Session
from napari_metime.sample import is_sample


def own_folder(session: Session) -> Path:
    """Return the folder of the imzML; for the sample section, which lies in a hidden cache, that of the documents."""
    source: Path | None = session.get("ims", "path")
    if source is None:
        return Path()
    if not is_sample(source):
        return source.parent
    documents = user_documents_path()
    return documents if documents.is_dir() else Path.home()
