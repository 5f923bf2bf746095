"""Lets packages import torchvision although its compiled part belongs to another build of torch.

The package index has torchvision for CUDA; beside a CPU build of torch its operators are missing,
and importing it fails for want of those that it registers things for. Nobody here calls them.
"""

from __future__ import annotations

import importlib
import re
import sys

import torch


def prepare() -> None:
    """Declare the operators that are asked for. To be called before torchvision is imported."""
    for _ in range(50):
        try:
            importlib.import_module("torchvision")
        except RuntimeError as error:
            missing = re.search(r"operator torchvision::(\w+) does not exist", str(error))
            if missing is None:
                raise
            KEPT.append(torch.library.Library("torchvision", "FRAGMENT"))
            KEPT[-1].define(f"{missing[1]}(Tensor x) -> Tensor")
            for name in [n for n in sys.modules if n.split(".")[0] == "torchvision"]:
                del sys.modules[name]
        except ImportError:
            return
        else:
            return


KEPT: list[torch.library.Library] = []
"""An operator lives as long as its library."""
