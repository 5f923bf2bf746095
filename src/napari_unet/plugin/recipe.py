"""What training would do now: the recipe of the session, fitted to a volume where it is 3D."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from napari_unet.training.presets import Preset, preset
from napari_unet.training.volumes import fit_to_volume

if TYPE_CHECKING:
    from napari_unet.plugin.session import Session


def recipe_of(session: Session, settings: Mapping[str, Any] | None = None) -> Preset:
    """The session's network, preset and ``settings`` (by default its own). Raises UserError."""
    chosen = dict(session.settings if settings is None else settings)
    entry = session.current
    volumes = entry is not None and session.engine_dims(entry) == 3
    objects = not volumes and any(one.kind == "objects" for one in session.labels.values())
    fields = {**chosen, "network": session.network}
    recipe = preset(session.preset, objects=objects, **fields)
    if entry is not None and volumes:
        volume = entry.volume()
        recipe, _ = fit_to_volume(
            recipe, volume.spacing, volume.spatial_shape, chosen.get("arguments")
        )
    return recipe
