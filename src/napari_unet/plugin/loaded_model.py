"""What a session takes over from a model that was loaded from a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_unet.engine.protocol import ClassInfo
from napari_unet.networks import registry

if TYPE_CHECKING:
    from napari_unet.plugin.session import Session

LOADING = "Loading the model"
"""What the job is called."""


def know_model(session: Session, result: dict[str, Any]) -> None:
    """The engine has a model from a file: its classes, network and dims are the session's now."""
    header = result.get("header", result)
    described = header.get("classes", [])
    if described:
        session.set_classes([ClassInfo(name=c["name"], color=c["color"]) for c in described])
    session.has_model, session.model_classes = True, max(2, len(described))
    if header.get("network") in registry.names():
        session.network = str(header["network"])
        session.settings = {**session.settings, "arguments": dict(header.get("arguments", {}))}
    session.rotations = bool(header.get("preset", {}).get("rotations", False))
    session.know_dims(int(header.get("dims", session.dims)))
    steps = int(header.get("history", {}).get("steps", 0))
    if not session.training.step:
        session.training.step = steps
    session.training.checkpoint_step = steps
    session.tell("info", f"The model ({header.get('network', 'network')}) is loaded.")
    session.settings_changed.emit()
    session.training_changed.emit()
