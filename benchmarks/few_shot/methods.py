"""The methods: which file, which environment, which tasks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from napari_unet.annotations.kinds import LabelKind


@dataclass(frozen=True)
class Method:
    """One method. ``file`` in ``peers/``; without ``budgets`` it takes the time that it takes."""

    name: str
    title: str
    file: str
    kinds: tuple[LabelKind, ...] = ("classes", "objects")
    budgets: bool = True
    own: bool = False
    """It finds the objects itself; only specks are dropped."""
    options: dict[str, Any] = field(default_factory=dict)
    """What the file is given in any case."""
    environment: str = ""
    """Whose packages it needs, where not its own (``environments.RECIPES``)."""


METHODS = {
    method.name: method
    for method in (
        Method("ours", "napari-unet", "ours.py"),
        Method("forest", "random forest", "forest.py", budgets=False),
        Method(
            "forest-example",
            "random forest, settings of the example",
            "forest.py",
            budgets=False,
            options={"trees": 50, "edges": False},
            environment="forest",
        ),
        Method("monai", "MONAI BasicUNet", "monai_unet.py"),
        Method("nnunet", "nnU-Net 2", "nnunet.py"),
        Method("stardist", "StarDist from scratch", "stardist_scratch.py", ("objects",), own=True),
        Method(
            "cellpose", "Cellpose 3 from scratch", "cellpose_scratch.py", ("objects",), own=True
        ),
        Method("apoc", "APOC", "apoc_probability.py", budgets=False),
        Method("convpaint", "convpaint (gaussian)", "convpaint_gaussian.py", budgets=False),
    )
}
