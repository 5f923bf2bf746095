"""What the GUI has opened: images and their labels, by the GUI's ids. Free of torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from napari_unet.engine.arrays import open_array
from napari_unet.engine.protocol import (
    CloseImage,
    Command,
    OpenImage,
    RemoveLabels,
    SetLabels,
)
from napari_unet.errors import UserError
from napari_unet.images.image import Image, Index
from napari_unet.training.data import LabelledImage


@dataclass(frozen=True)
class Labels:
    """Labels of one image, mapped: the GUI paints into the same file."""

    array: Image
    kind: Literal["scribbles", "classes", "objects"]
    regions: Image | None
    """Non-zero = fully annotated."""
    complete: bool

    def plane(self, index: Index) -> npt.NDArray[Any]:
        """A copy of one plane as it is now, in the array's own dtype."""
        plane: npt.NDArray[Any] = self.array.read(index)[0]
        return plane

    def any(self) -> bool:
        """Whether anything is labelled."""
        planes = (array.read(i).any() for array in self._arrays() for i in array.indices())
        return self.complete or any(planes)

    def _arrays(self) -> list[Image]:
        return [self.array] if self.regions is None else [self.array, self.regions]

    def plane_regions(self, index: Index) -> npt.NDArray[np.bool_] | None:
        """Where one plane is fully annotated; None = as ``kind`` and ``complete`` say."""
        return self.regions.read(index)[0] != 0 if self.regions is not None else None


class Workspace:
    """Open images and labels. Everyone else looks them up here by id."""

    def __init__(self) -> None:
        self.images: dict[str, Image] = {}
        self.labels: dict[str, Labels] = {}
        self.hashes: dict[str, str] = {}
        """SHA-256 by the image's name, as far as the GUI knows it."""
        self._names: dict[str, str] = {}

    def image(self, id: str) -> Image:
        """Raises :class:`UserError` when there is no such image (any more)."""
        try:
            return self.images[id]
        except KeyError:
            raise UserError("The image was closed: open it again.") from None

    def name(self, id: str) -> str | None:
        """What an image is called here, even after it was closed. No two images share a name."""
        return self._names.get(id)

    def id_of(self, name: str) -> str | None:
        """The other way round."""
        return next((id for id, one in self._names.items() if one == name), None)

    def labelled(self) -> list[LabelledImage]:
        """Images with labels, in the order in which they were opened, empty ones left out."""
        return [
            self.labelled_image(id)
            for id in self.images
            if id in self.labels and self.labels[id].any()
        ]

    def labelled_image(self, id: str) -> LabelledImage:
        """An image as the training wants it."""
        labels = self.labels[id]
        return LabelledImage(
            self.image(id), labels.array, labels.kind, labels.complete, labels.regions
        )

    def _unique_name(self, command: OpenImage) -> str:
        taken = {name for id, name in self._names.items() if id != command.id}
        return f"{command.name} [{command.id}]" if command.name in taken else command.name

    def handle(self, command: Command) -> None:
        match command:
            case OpenImage():
                name = self._unique_name(command)
                self._names[command.id] = name
                if command.sha256 is not None:
                    self.hashes[name] = command.sha256
                self.images[command.id] = Image(
                    name=name,
                    data=open_array(command.array),
                    axes=command.axes,
                    dims=command.dims,
                    spacing=command.spacing,
                )
            case CloseImage():
                self.images.pop(command.id, None)
                self.labels.pop(command.id, None)
            case SetLabels():
                self.labels[command.image] = self._labels(command)
            case RemoveLabels():
                self.labels.pop(command.image, None)

    def _labels(self, command: SetLabels) -> Labels:
        image = self.image(command.image)
        shape = image.leading_shape + image.spatial_shape

        def opened(ref: Any, what: str) -> Image:
            array = open_array(ref)
            axes = image.axes.replace("c", "")
            one = Image(name=image.name, data=array, axes=axes, dims=image.dims)
            if one.leading_shape + one.spatial_shape != shape:
                raise UserError(
                    f"The {what} of {image.name} have the size {array.shape}, the image has "
                    f"{shape}: they must be equal."
                )
            return one

        return Labels(
            array=opened(command.array, "labels"),
            kind=command.kind,
            regions=opened(command.regions, "regions") if command.regions is not None else None,
            complete=command.complete,
        )
