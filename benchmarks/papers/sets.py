"""The 2D sets of ``shared/data`` as labelled images with a fixed training and test part.

Splits: ISBI 00..14 and 20..29; U373 by sequence; DSB and DRIVE as named; VNC the last six sections,
with a guard band of two; Sunnybrook every third patient; others every third image for testing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from common_papers import data
from imageio.v3 import imread

from napari_unet.annotations.kinds import LabelKind
from napari_unet.annotations.objects import components
from napari_unet.images.image import Image
from napari_unet.training.data import LabelledImage

MARGIN = 50
"""Pixels at the border of U373 in which not every cell is labelled; cropped away."""

Images = list[LabelledImage]
Change = Callable[[Any], Any]


@dataclass(frozen=True)
class Set:
    """``zero_shot`` are images of another set with the same kind of labels."""

    name: str
    what: str
    kind: LabelKind
    classes: int
    learn: Images
    test: Images
    zero_shot: Images
    zero_shot_name: str = ""

    @property
    def channels(self) -> int:
        return self.learn[0].image.channels

    @property
    def metric(self) -> str:
        return "mean_iou" if self.classes > 2 and self.kind != "objects" else "iou"


def isbi2012(most: int) -> Set:
    files = _files("isbi2012")
    one = _opener("classes", label=lambda m: (m == 0).astype(np.uint8))
    return Set(
        "isbi2012", "EM, membrane", "classes", 2,
        [one(f) for f in files[:15]], [one(f) for f in _some(files[20:], most)],
        vnc_membranes(most), "vnc_sstem (membrane, middle 512 x 512)",
    )  # fmt: skip


def vnc_membranes(most: int) -> Images:
    """Membranes of the other EM set as ISBI's: what is not membrane is cell."""

    def middle(pixels: Any) -> Any:
        return pixels[256:768, 256:768]

    one = _opener("classes", middle, lambda m: (middle(m) == 1).astype(np.uint8), "vnc ")
    return [one(f) for f in _some(_files("vnc_sstem")[-6:], most)]


def u373(most: int) -> Set:
    def inner(pixels: Any) -> Any:
        return pixels[MARGIN:-MARGIN, MARGIN:-MARGIN]

    files = _files("ctc_phc_u373")
    one = _opener("objects", inner, lambda m: inner(m).astype(np.int32))
    first, second = ([f for f in files if f.name.startswith(s)] for s in ("01", "02"))
    return Set(
        "ctc_phc_u373", "phase contrast, cells", "objects", 2,
        [one(f) for f in first], [one(f) for f in _some(second, most)], [],
    )  # fmt: skip


def dsb2018(most: int) -> Set:
    one = _opener("objects", label=lambda m: m.astype(np.int32))
    return Set(
        "dsb2018_fluo", "fluorescence, nuclei", "objects", 2,
        [one(f) for f in _files("dsb2018_fluo/train")],
        [one(f) for f in _some(_files("dsb2018_fluo/test"), most)],
        wbc_nuclei(most), "wbc (nucleus; green channel, inverted)",
    )  # fmt: skip


def wbc_nuclei(most: int) -> Images:
    """Nuclei of blood cells as a network of fluorescent nuclei can see them: bright on dark."""
    one = _opener("objects", lambda p: 255 - p[..., 1], lambda m: components(m == 2), "wbc ")
    return [one(f) for f in _some(_files("wbc"), most)]


def vnc(most: int) -> Set:
    files = _files("vnc_sstem")
    one = _opener("classes")
    return Set(
        "vnc_sstem", "EM, membrane, mitochondria, glia, synapse", "classes", 5,
        [one(f) for f in files[:-8]], [one(f) for f in _some(files[-6:], most)], [],
    )  # fmt: skip


def drive(most: int) -> Set:
    files = _files("drive")
    one = _opener("classes", label=_mask)
    return Set(
        "drive", "fundus, vessels", "classes", 2,
        [one(f) for f in files if "training" in f.name],
        [one(f) for f in _some([f for f in files if "test" in f.name], most)], [],
    )  # fmt: skip


def kvasir(most: int) -> Set:
    return _thirds("kvasir_seg", "endoscopy, polyps", 2, most, _mask)


def sunnybrook(most: int) -> Set:
    def patient(file: Path) -> str:
        return file.stem.partition("-IM-")[0].removeprefix("test_").removeprefix("train_")

    return _thirds("sunnybrook_cmr", "MRI, left ventricle", 2, most, _mask, patient)


def wbc(most: int) -> Set:
    return _thirds("wbc", "blood smear, cytoplasm and nucleus", 3, most)


def bbbc007(most: int) -> Set:
    files = _files("bbbc007_scribbles")
    one = _opener("scribbles")
    return Set(
        "bbbc007_scribbles", "fluorescence, strokes on nuclei", "scribbles", 2,
        [one(f) for f in files[:2]], [one(f) for f in files[2:]], [],
    )  # fmt: skip


SETS: dict[str, Callable[[int], Set]] = {
    "isbi2012": isbi2012,
    "ctc_phc_u373": u373,
    "dsb2018_fluo": dsb2018,
    "vnc_sstem": vnc,
    "drive": drive,
    "kvasir_seg": kvasir,
    "sunnybrook_cmr": sunnybrook,
    "wbc": wbc,
    "bbbc007_scribbles": bbbc007,
}
"""Each takes how many images are tested at most."""


def _thirds(
    name: str,
    what: str,
    classes: int,
    most: int,
    label: Change | None = None,
    group: Callable[[Path], str] = lambda file: file.stem,
) -> Set:
    """Every third group of files for testing."""
    files = _files(name)
    groups = sorted({group(f) for f in files})
    tested = set(groups[2::3])
    one = _opener("classes", label=label)
    return Set(
        name, what, "classes", classes,
        [one(f) for f in files if group(f) not in tested],
        [one(f) for f in _some([f for f in files if group(f) in tested], most)], [],
    )  # fmt: skip


def _opener(
    kind: LabelKind, image: Change | None = None, label: Change | None = None, prefix: str = ""
) -> Callable[[Path], LabelledImage]:
    """Reads an image file and the mask of the same name, each changed as asked."""

    def opened(file: Path) -> LabelledImage:
        pixels, mask = imread(file), imread(file.parents[1] / "masks" / file.name)
        mask = mask[..., 0] if mask.ndim == 3 else mask
        pixels = image(pixels) if image else pixels
        labels = label(mask) if label else mask
        axes = "yxc" if pixels.ndim == 3 else "yx"
        name = prefix + file.stem
        return LabelledImage(
            Image(name, pixels, axes), Image(name, labels, "yx"), kind, kind != "scribbles"
        )

    return opened


def _mask(labels: Any) -> Any:
    return (labels > 0).astype(np.uint8)


def _files(folder: str) -> list[Path]:
    return sorted((data(folder) / "images").iterdir())


def _some(files: list[Path], most: int) -> list[Path]:
    """At most so many, evenly spread."""
    places = np.unique(np.linspace(0, len(files) - 1, min(most, len(files))).round().astype(int))
    return [files[i] for i in places]
