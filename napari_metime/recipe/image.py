"""An image that a recipe names with what its values mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class ImageRecipe(BaseModel):
    """An image on the grid, measured by another instrument; a path alone stands for one with only that."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Path = Field(description="Single-channel image on the grid (TIFF, .npy or PNG)")
    name: str | None = Field(
        None,
        min_length=1,
        max_length=120,
        description="Name of its channel; empty = the file's. Fe, 56Fe or Iron, as an element of the panel: that one",
    )
    unit: str = Field("", max_length=40, description="Unit of its values, such as µg/g or counts; empty = not known")
    lod: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="Limit of detection in its unit; values below it are not found"
    )

    @model_validator(mode="before")
    @classmethod
    def _a_path_is_an_image(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str | Path) else value

    @field_validator("name", "unit")
    @classmethod
    def _one_line(cls, value: str | None) -> str | None:
        if value is not None and (value != value.strip() or not (value or " ").isprintable()):
            raise ValueError("must be one line without spaces around it")
        return value

    @property
    def channel(self) -> str:
        """Name of its channel."""
        return self.name or self.path.stem.removesuffix(".ome")
