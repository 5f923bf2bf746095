"""An interrupted training: what it goes on with, and that nobody asks for something else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.model import file
from napari_unet.model.header import Header
from napari_unet.training.presets import preset as preset_of


@dataclass(frozen=True)
class Interrupted:
    """The model file of a training, and the state from which it goes on."""

    path: str | Path
    header: Header
    state: dict[str, Any]

    @property
    def preset_name(self) -> str:
        return str(self.header.preset.get("name", "live"))

    @property
    def settings(self) -> dict[str, Any]:
        """All fields of the recipe but its name."""
        return {name: value for name, value in self.header.preset.items() if name != "name"}

    @property
    def seed(self) -> int:
        return self.header.provenance.seed or 0

    @property
    def validation(self) -> str:
        """``auto`` where a part of the labels was held out, else ``none``: of a folder nothing is
        known."""
        return "auto" if self.state.get("values", {}).get("hold_out") else "none"

    def check(
        self,
        *,
        network: str | None,
        preset: str | None,
        start: str,
        kind: str | None,
        dims: int | None,
        spacing: tuple[float, ...] | None,
        seed: int | None,
        validation: str | None,
        settings: Mapping[str, Any],
    ) -> None:
        """:class:`UserError` where somebody asks for other things than the training has.

        None (for ``start``: ``auto``) is what nobody asks for.
        """
        header = self.header
        folder = validation not in (None, "auto", "none") and self.validation == "none"
        pairs: dict[str, tuple[Any, Any]] = {
            "network": (header.network, network),
            "preset": (self.preset_name, preset),
            "start": (header.provenance.start, None if start == "auto" else start),
            "kind of labels": (header.label_kind, kind),
            "dims": (header.dims, dims),
            "pixel size": (header.spacing, spacing),
            "seed": (self.seed, seed),
            "validation": (self.validation, None if folder else validation),
        }
        others = dict(settings)
        for name, value in others.pop("arguments", {}).items():
            pairs[name] = header.arguments.get(name), value
        recipe = preset_of(self.preset_name, **self.settings).model_dump()
        asked = preset_of(self.preset_name, **self.settings | others).model_dump()
        pairs |= {name: (recipe[name], asked[name]) for name in others}
        differ = [
            f"{name} {_text(has)}, not {_text(other)}"
            for name, (has, other) in pairs.items()
            if other is not None and other != has
        ]
        if differ:
            raise UserError(
                f"The training in {self.path} goes on with what it began with "
                f"({'; '.join(differ)}): leave that out, or train anew without resuming."
            )

    def doubts(self, *, complete: bool, scored: bool) -> list[str]:
        """What is otherwise than before, though nobody may have meant it; a sentence each.

        ``complete``: 0 in the labels is background everywhere; ``scored``: images are given that
        are only for validation.
        """
        found = []
        if complete and not self.state.get("values", {}).get("complete", True):
            found.append(
                f"In the training in {self.path} only a part of the labels was complete: without "
                "--regions, all that is not labelled counts as background from here on."
            )
        if not scored and self.validation == "none" and self.header.history.validation:
            found.append(
                f"The training in {self.path} was scored on a folder of images: without --val it "
                "is not scored from here on."
            )
        return found

    def check_channels(self, image: Image) -> None:
        """:class:`UserError` where the image has others than the network."""
        if image.channels != self.header.in_channels:
            raise UserError(
                f"The training in {self.path} is on images with {self.header.in_channels} "
                f"channel(s), {image.name} has {image.channels}: give the images that it had, with "
                f"the same axes."
            )


def read_interrupted(path: str | Path) -> Interrupted:
    """:class:`UserError` where the file holds a model only."""
    header, _, state = file.load(path)
    if state is None:
        raise UserError(f"{path} holds no training state to go on from; use it as a start instead.")
    return Interrupted(path, header, state)


def _text(value: Any) -> str:
    if value is None:
        return "unknown"
    return " x ".join(f"{v:g}" for v in value) if isinstance(value, tuple) else str(value)
