"""The pieces that the steps of a training learn from: how large, how many, of which weight."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from napari_unet.networks.geometry import Geometry
from napari_unet.training.data import TrainingData
from napari_unet.training.first_answer import BATCHES, left_out, undeformed
from napari_unet.training.presets import Preset
from napari_unet.training.sampler import Batch, draw_batch
from napari_unet.training.tile_size import fitting_tile, smaller_step


class Pieces:
    """Draws batches of ``data`` on ``device``: ``batch`` pieces of ``tile`` pixels of output each.

    Both may change: :meth:`shrink` where memory ran out, or a resume to what they were.
    """

    def __init__(
        self,
        data: TrainingData,
        preset: Preset,
        geometry: Geometry,
        device: torch.device,
        classes: int,
    ) -> None:
        self._data, self._preset = data, preset
        self._geometry, self._device = geometry, device
        self.batch = preset.batch
        self.tile = fitting_tile(
            geometry, preset.tile, (p.shape for p in data.planes.values()), preset.voxel
        )
        self.weigh(classes)

    def weigh(self, classes: int) -> None:
        """Weigh the classes by how common they are in the labels of this moment."""
        balance = self._data.balance(classes, self._preset.balance)
        self.balance = torch.from_numpy(balance).to(self._device)

    def draw(self, recipe: Preset, generator: torch.Generator, around: Sequence[int] = ()) -> Batch:
        """One batch, as :func:`~napari_unet.training.sampler.draw` says."""
        return draw_batch(
            self._data,
            recipe,
            batch=self.batch,
            output=self.tile,
            border=self._geometry.border,
            balance=self.balance,
            generator=generator,
            device=self._device,
            around=around,
        )

    def to_fit(self, generator: torch.Generator, classes: int) -> list[Batch]:
        """Batches of the images as they are, for a last layer; no labelled class is missing."""
        recipe = undeformed(self._preset)
        batches = [self.draw(recipe, generator) for _ in range(BATCHES)]
        missing = left_out(batches, self._data, classes)
        for start in range(0, len(missing), self.batch):
            batches.append(self.draw(recipe, generator, missing[start : start + self.batch]))
        return batches

    def shrink(self) -> bool:
        """Halve the batch, then the tile; False when nothing is left to halve."""
        before = self.batch, self.tile
        self.batch, self.tile = smaller_step(self._geometry, *before)
        return before != (self.batch, self.tile)
