"""The batch of the next step, drawn while the device still computes this one.

Only where a device of its own computes: on a processor the same cores would do both.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import nullcontext

import torch

from napari_unet.training.sampler import Batch


class Ahead:
    """Keeps one batch with the key that it was drawn for: all that a draw depends on."""

    def __init__(self, device: torch.device) -> None:
        # A stream of its own: on that of the step, pixels would be copied after the step.
        cuda = device.type == "cuda"
        self._stream = torch.cuda.Stream(device) if cuda else None  # type: ignore[no-untyped-call]
        self._key: Hashable = None
        self._batch: Batch | None = None

    def draw(self, key: Hashable, make: Callable[[], Batch]) -> None:
        """Keep what ``make`` draws. Where that fails nothing is kept: the step will say why."""
        self._key, self._batch = key, None
        try:
            with torch.cuda.stream(self._stream) if self._stream is not None else nullcontext():
                self._batch = make()
        except Exception:
            self._batch = None

    def take(self, key: Hashable) -> Batch | None:
        """What was drawn for ``key``; None where nothing was, or the labels are others by now."""
        batch, self._batch = self._batch, None
        if key != self._key or batch is None:
            return None
        if self._stream is not None:
            now = torch.cuda.current_stream(self._stream.device)
            now.wait_stream(self._stream)
            for tensor in (batch.images, batch.classes, batch.weights):
                tensor.record_stream(now)  # its memory is not given away before the step is over
        return batch
