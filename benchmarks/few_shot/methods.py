"""The methods: which file, which environment, which tasks."""

from __future__ import annotations

from dataclasses import dataclass

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


METHODS = {
    method.name: method
    for method in (
        Method("ours", "napari-unet", "ours.py"),
        Method("forest", "random forest", "forest.py", budgets=False),
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
