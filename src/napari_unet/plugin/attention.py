"""Where the gates of an Attention U-Net look, as layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.protocol import Attention
from napari_unet.errors import UserError
from napari_unet.networks import registry
from napari_unet.plugin import derived, outputs
from napari_unet.plugin.images import ImageEntry
from napari_unet.plugin.recipe import recipe_of
from napari_unet.plugin.training_control import needs_model, start_job
from napari_unet.plugin.visible import current_index

if TYPE_CHECKING:
    from napari_unet.plugin.session import Session


def gates(session: Session) -> tuple[str, ...]:
    """Names of the gates of the session's network; empty where it has none."""
    recipe = recipe_of(session)
    dims = session.dims if session.current is None else session.engine_dims(session.current)
    if dims not in registry.spec(recipe.network).dims:
        return ()
    return registry.attention_names(recipe.network, recipe.arguments, dims)


def show_attention(session: Session, entry: ImageEntry) -> str:
    """Ask for ``<image>: attention 1:2``, ``1:4``.. of the plane on show. Raises UserError."""
    needs_model(session)
    names = gates(session)
    if not names:
        title = registry.spec(session.network).title
        raise UserError(
            f"{title} has no attention gates to look at: train an Attention U-Net (with gates "
            f"single or multi)."
        )
    index = current_index(session.viewer, entry)
    place = session.engine_index(entry, index)
    plane = tuple((0, n) for n in entry.image.spatial_shape)
    box = ((index[-1], index[-1] + 1), *plane) if len(place) < len(index) else plane
    shape = (len(names), *(b - a for a, b in box))
    made = outputs.allocate(session, entry, {"attention": (shape, np.float32)})
    made.arrays.update(names=names, index=place, box=box)
    job = start_job(
        session,
        "Attention",
        Attention,
        cancellable=True,
        needs=entry,
        image=entry.id,
        index=place,
        box=box,
        array=made.refs["attention"],
    )
    outputs.keep(session, job, made)
    return job


def finish_attention(session: Session, entry: ImageEntry, found: dict[str, Any]) -> None:
    """Show the coefficients, 0 (held back) to 1 (let through); finer gates lie on top."""
    for name, values in reversed(list(zip(found["names"], found["attention"], strict=True))):
        layer = derived.image_layer(
            session.viewer, entry, f"attention {name.replace('/', ':')}", 1.0, "turbo"
        )
        derived.write_box(layer, found["index"], found["box"], np.array(values))
    session.tell(
        "info", "Attention of this plane: 0 is held back, 1 let through the skip connection."
    )
