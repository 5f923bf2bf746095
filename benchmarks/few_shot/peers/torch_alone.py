"""Lets packages import torchvision although its compiled part belongs to another build of torch.

The package index has torchvision for CUDA; beside a CPU build of torch its operators are missing,
and importing it fails for want of one that nobody here calls.
"""

from __future__ import annotations

import torch


def prepare() -> None:
    """Declare that operator. To be called before torchvision is imported."""
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        library = torch.library.Library("torchvision", "DEF")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        KEPT.append(library)
    except ImportError:
        pass


KEPT: list[torch.library.Library] = []
"""An operator lives as long as its library."""
