"""What surrounds CUDA graphs, without a GPU; that they compute the same: test_folding.py."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from napari_unet.prediction.graphs import WORTH, Graphed


class Short(Graphed):
    """On a device with no memory for another graph."""

    def __init__(self, error: Exception) -> None:
        super().__init__(nn.Identity(), "float32")
        self.error, self.tried = error, 0

    def _run(self, x: Tensor, keywords: dict[str, Any]) -> Tensor:
        return x + 1

    def _record(self, key: Any, x: Tensor, keywords: dict[str, Any]) -> None:
        self.tried += 1
        raise self.error


def test_no_memory_for_another_graph_is_no_lack_of_memory_for_the_network() -> None:
    graphed, x = Short(torch.OutOfMemoryError("CUDA out of memory.")), torch.zeros(1, 1, 4, 4)
    graphed._graphs["an older one"] = None  # type: ignore[assignment]
    for _ in range(2 * WORTH):
        assert torch.equal(graphed(x), x + 1)
    assert graphed.tried == 1
    assert not graphed._graphs


def test_other_errors_are_not_hidden() -> None:
    graphed, x = Short(RuntimeError("not permitted")), torch.zeros(1, 1, 4, 4)
    graphed._graphs["an older one"] = None  # type: ignore[assignment]
    for _ in range(WORTH - 1):
        graphed(x)
    with pytest.raises(RuntimeError, match="not permitted"):
        graphed(x)
