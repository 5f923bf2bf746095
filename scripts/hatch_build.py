"""Build hook: npe2 looks for the manifest inside the package, the repository shows it on top."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ManifestHook(BuildHookInterface):  # type: ignore[type-arg]
    """Copy ``napari.yaml`` into the package for wheel, sdist and editable builds."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        shutil.copyfile(root / "napari.yaml", root / "src" / "napari_unet" / "napari.yaml")
