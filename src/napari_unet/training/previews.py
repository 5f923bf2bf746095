"""Questions of how a region looks by now, answered between two steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from napari_unet.images.image import Box, Index
from napari_unet.prediction.predictor import Predictor
from napari_unet.training.data import TrainingData
from napari_unet.training.events import Preview


class Previews:
    """Requests that wait for their answer; of equal ones, one is answered."""

    def __init__(self, data: TrainingData) -> None:
        self._data = data
        self._requests: dict[tuple[str, Index, Box], None] = {}

    def request(self, image: str, index: Index, box: Box) -> None:
        """Ask for a region of an image that has labels somewhere."""
        self._requests[(image, index, box)] = None

    def answers(self, predictor: Callable[[], Predictor], step: int) -> Iterator[Preview]:
        """Predict what was asked for, as far as it lies inside an image that is still there."""
        requests, self._requests = self._requests, {}
        for name, index, asked in requests:
            if not self._data.knows(name):
                continue
            shape = self._data.image(name).spatial_shape
            box = tuple((max(a, 0), min(b, n)) for (a, b), n in zip(asked, shape, strict=True))
            if all(a < b for a, b in box):
                read = self._data.reader(name, index)
                yield Preview(name, index, box, step, predictor().region(read, shape, box))
