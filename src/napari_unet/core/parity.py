"""Predicting one image in many ways and comparing what comes out: the parity certificate."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from napari_unet import __version__
from napari_unet.errors import UserError
from napari_unet.evaluation.parity import LIMITS, Check, certificate, compare
from napari_unet.images.image import Box, Image
from napari_unet.images.reading import read_image
from napari_unet.model import file
from napari_unet.model.model import Model, load
from napari_unet.prediction.device import choose_device
from napari_unet.speed import way_for_prediction

Probability = npt.NDArray[np.float32]

LARGEST = {2: 1024, 3: 96}
"""Longest side of what is predicted in one piece, by spatial axes; of more, the middle is taken."""
TILES = {2: (512, 320), 3: (64, 40)}
"""Sides of the two kinds of tiles; less for small images, so that there are some."""
PYTHON_VARIABLE = "NAPARI_UNET_PYTHON"


@dataclass(frozen=True)
class Subject:
    """What is verified: an array with its axes, whole in memory, and a model file on disk.

    ``image`` comes from :meth:`Model.as_image`.
    """

    model: Model
    path: Path
    image: Image
    device: str = "auto"
    precision: str = "float32"

    @property
    def limit(self) -> float:
        """Greatest allowed difference."""
        return LIMITS[self.computed_in(self.precision)]

    def computed_in(self, precision: str) -> str:
        """What ``precision`` comes to on the device."""
        header, device = self.model.header, choose_device(self.device)
        return way_for_prediction(
            header.network, header.arguments, dims=header.dims, device=device, precision=precision
        ).precision

    def predict(self, **options: Any) -> Probability:
        """By Python: ``model.predict(array)``."""
        options = {"device": self.device, "precision": self.precision} | options
        return self.model.predict(self.image, **options)


def file_checks(subject: Subject, reference: Probability, folder: Path) -> Iterator[Check]:
    """File saved = file loaded: the weights bit by bit, then what they predict."""
    saved = folder / "saved.unet"
    subject.model.save(saved)
    header, weights, _ = file.load(saved, training_state=False)
    known = subject.model.network.state_dict()
    apart = [
        float((weights[key].double() - value.cpu().double()).abs().max()) if value.numel() else 0.0
        for key, value in known.items()
    ]
    same = header == subject.model.header and weights.keys() == known.keys()
    note = "" if same else "the header or the names of the weights differ"
    worst = max(apart, default=0.0) if same else None
    yield Check("weights saved = loaded", worst, 0, 0.0, note)
    loaded = Subject(load(saved), saved, subject.image, subject.device, subject.precision)
    yield compare("file saved = file loaded", loaded.predict(), reference, subject.limit)


def tile_checks(subject: Subject, reference: Probability) -> Iterator[Check]:
    """Tiled = untiled = another tiling, and a part by itself = that part of the whole."""
    shape, dims = subject.image.spatial_shape, subject.image.dims
    exact = subject.model.geometry.tile_exact
    note = "" if exact else "this network is predicted in blended windows that no tile changes"
    sides = [
        max(1, min(most, -(-max(shape) // n))) for most, n in zip(TILES[dims], (2, 3), strict=True)
    ]
    one, other = (subject.predict(tile=side) for side in sides)
    yield compare(f"tiles of {sides[0]} = tiles of {sides[1]}", one, other, subject.limit, note)
    box = _middle(shape, LARGEST[dims])
    piece, notes = _in_one_piece(subject, box)
    places: tuple[Any, ...] = (Ellipsis, *(slice(*span) for span in box))
    size = " x ".join(str(b - a) for a, b in box)
    what = "untiled" if box == _middle(shape, max(shape)) else f"untiled (the middle {size})"
    yield compare(
        f"tiles of {sides[0]} = {what}", one[places], piece, subject.limit, "; ".join(notes) or note
    )
    half = tuple((a + (b - a) // 4, b - (b - a) // 4) for a, b in box)
    part, _ = _in_one_piece(subject, half)
    inside: tuple[Any, ...] = (Ellipsis, *(slice(*span) for span in half))
    yield compare("part = part of the whole", reference[inside], part, subject.limit)


def precision_check(subject: Subject, reference: Probability) -> Iterator[Check]:
    """What 'auto' costs: for information, where it takes less than float32."""
    used, auto = (subject.computed_in(p) for p in (subject.precision, "auto"))
    if auto != used:
        yield compare(
            f"{used} = {auto}",
            subject.predict(precision="auto"),
            reference,
            None,
            f"{auto} is what 'auto' takes on this machine",
        )


def by_command_line(
    subject: Subject, image: Path, folder: Path, axes: str
) -> Generator[tuple[()], None, Probability]:
    """What ``napari-unet predict`` writes for an image file, read back.

    A process of its own: yields while it works and ends it when the generator is closed.

    :class:`UserError` when it fails, with what it said.
    """
    python = os.environ.get(PYTHON_VARIABLE) or sys.executable
    out = folder / "command-line"
    command = [python, "-P", "-m", "napari_unet.cli", "predict", str(subject.path), str(image)]
    command += ["--out", str(out), "--output", "probability", "--axes", axes]
    command += ["--device", subject.device, "--precision", subject.precision]
    with (folder / "command-line.txt").open("w+", encoding="utf-8") as said:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        try:
            while True:
                try:
                    process.wait(0.02)
                    break
                except subprocess.TimeoutExpired:
                    yield ()
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        said.seek(0)
        lines = said.read().strip().splitlines() or ["it said nothing"]
    if process.returncode:
        raise UserError(f"The command line could not predict the image: {lines[-1]}")
    [written] = out.glob("*.probability.tif")
    found = read_image(written, "c" + subject.image.leading_axes + subject.image.spatial_axes)
    return np.array(found.data[...], np.float32)


def about(subject: Subject, model_name: str) -> dict[str, Any]:
    """What the certificate holds for."""
    device = choose_device(subject.device)
    return {
        "model": model_name,
        "network": subject.model.header.network,
        "image": subject.image.name,
        "shape": [*subject.image.leading_shape, *subject.image.spatial_shape],
        "device": device.type,
        "precision": subject.computed_in(subject.precision),
        "versions": {"napari-unet-live": __version__, "torch": torch.__version__},
    }


def make_certificate(subject: Subject, checks: list[Check], model_name: str) -> dict[str, Any]:
    """The finished certificate, as JSON."""
    return certificate(checks, **about(subject, model_name))


def in_memory(image: Image) -> Image:
    """The same image with all its pixels read."""
    return Image(
        image.name, np.asarray(image.data[...]), image.axes, image.dims, image.spacing, image.path
    )


def _middle(shape: tuple[int, ...], most: int) -> Box:
    starts = [max(0, (n - most) // 2) for n in shape]
    return tuple((a, a + min(n, most)) for a, n in zip(starts, shape, strict=True))


def _in_one_piece(subject: Subject, box: Box) -> tuple[Probability, list[str]]:
    """A box of every plane, predicted without a cut, and what the predictor had to say."""
    model, image = subject.model, subject.image
    predictor = model.predictor_for(image, model.predictor(subject.device, subject.precision))
    # What was predicted to find the objects' size, in tiles of its own, proves nothing of this.
    predictor = predictor.knowing({})
    sides = tuple(b - a for a, b in box)
    found = np.empty((len(model.header.classes), *image.leading_shape, *sides), np.float32)
    pieces = 0
    for one in model.tiles(image, predictor, tile=image.spatial_shape, box=box):
        spans = zip(one.tile.output, box, strict=True)
        inside = [slice(a - start, b - start) for (a, b), (start, _) in spans]
        place: tuple[Any, ...] = (slice(None), *one.index, *inside)
        found[place] = one.probability
        pieces = one.total
    notes = list(predictor.notes)
    if model.geometry.tile_exact and pieces != len(list(image.indices())):
        notes.append(f"in {pieces} pieces")
    return found, notes
