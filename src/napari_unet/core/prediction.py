"""Predict files: one after the other, tile by tile, each output whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_unet.core.fast_prediction import settle
from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.images.reading import find_files, read_image, stem
from napari_unet.model.model import Model
from napari_unet.prediction.files import FORMATS, PredictionFiles
from napari_unet.prediction.output import DTYPES
from napari_unet.prediction.predictor import Predictor


@dataclass(frozen=True)
class FileProgress:
    """``tile`` of ``tiles`` of image ``number`` of ``total`` is done.

    ``written``: the files of this image, once they are there. ``problem``: why there are none.
    ``notes``: what the user may want to know about how they were made.
    """

    path: Path
    number: int
    total: int
    tile: int
    tiles: int
    written: tuple[Path, ...] = ()
    problem: str = ""
    notes: tuple[str, ...] = ()

    @property
    def fraction(self) -> float:
        """Part of the whole job that is done, each image counting the same."""
        return (self.number - 1 + self.tile / max(1, self.tiles)) / self.total


def predict_files(
    model: Model,
    images: str | Path,
    out: str | Path,
    outputs: Sequence[str] = (),
    *,
    rotations: bool | None = None,
    tile: int | None = None,
    device: str = "auto",
    precision: str = "auto",
    axes: str | None = None,
    form: str = "tif",
) -> Iterator[FileProgress]:
    """Write ``out/<stem>.<output>.tif`` (or .zarr) for every image of a file, folder or pattern.

    Arrays are read and written tile by tile and need not fit in memory (but one plane of
    probabilities lies on disk while its objects are found). Existing files are replaced once the
    new ones are whole; closing the generator cancels and leaves the image at hand as it was. An
    image that cannot be predicted is reported and the others go on.

    Parameters
    ----------
    outputs
        Of ``probability``, ``classes``, ``objects``, ``uncertainty``; by default classes, and
        objects too for an objects model.
    axes
        Of all files; by default what each file says.
    form
        ``tif``, or ``zarr`` for OME-Zarr folders, compressed and in chunks.
    rotations, tile, device, precision
        As of :meth:`Model.predict`.

    Raises
    ------
    UserError
        No images, two of one stem, an unknown output or device; at the end, how many images could
        not be predicted.
    """
    chosen = list(dict.fromkeys(outputs or model.default_outputs))
    for output in chosen:
        if output not in DTYPES:
            raise UserError(f"There is no output {output!r}; choose from {', '.join(DTYPES)}.")
    if form not in FORMATS:
        raise UserError(f"There is no format {form!r}; choose from {', '.join(FORMATS)}.")
    if tile is not None and tile < 1:
        raise UserError(f"A tile of {tile} pixels is none: give a number from 1.")
    paths = find_files(images)
    _check_stems(paths)
    predictor = model.predictor(device, precision)
    settled = precision != "auto"
    problems: list[str] = []
    for number, path in enumerate(paths, 1):
        step = (path, number, len(paths))
        try:
            image = model.as_image(read_image(path, axes, model.header.dims))
            if not settled:
                predictor, settled = settle(model, image, predictor, device), True
            yield from _predict(
                model,
                predictor,
                image,
                Path(out),
                chosen,
                rotations=rotations,
                tile=tile,
                form=form,
                at=step,
            )
        except UserError as error:
            problems.append(str(error))
            yield FileProgress(*step, 1, 1, problem=str(error))
    if len(problems) == len(paths) == 1:
        raise UserError(problems[0])
    if problems:
        raise UserError(
            f"{len(problems)} of {len(paths)} images could not be predicted; the first one: "
            f"{problems[0]}"
        )


def _predict(
    model: Model,
    predictor: Predictor,
    image: Image,
    out: Path,
    outputs: list[str],
    *,
    rotations: bool | None,
    tile: int | None,
    form: str,
    at: tuple[Path, int, int],
) -> Iterator[FileProgress]:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"The folder {out} cannot be made: {error.strerror}.") from error
    description = _description(model, image, rotations, predictor)
    files = PredictionFiles(
        out, stem(at[0]), outputs, image, model.class_names, description=description, form=form
    )
    last = 0
    with files:
        for one in model.tiles(image, predictor, rotations=rotations, tile=tile):
            files.write(one.index, one.tile.output, one.probability)
            if "objects" in outputs and one.last_of_plane:
                files.write_objects(one.index, model.objects(files.plane(one.index)))
            if one.number < one.total:
                yield FileProgress(*at, one.number, one.total)
            last = one.total
    yield FileProgress(*at, last, last, tuple(files.paths.values()), notes=tuple(predictor.notes))
    predictor.notes.clear()


def _check_stems(paths: Sequence[Path]) -> None:
    seen: dict[str, Path] = {}
    for path in paths:
        other = seen.setdefault(stem(path), path)
        if other is not path:
            raise UserError(
                f"{other} and {path} have the same name apart from the extension: their "
                f"predictions would overwrite each other."
            )


def _description(model: Model, image: Image, rotations: bool | None, predictor: Predictor) -> str:
    """What made these files, as JSON, for whoever opens them later."""
    constants = model.normalisation(image)
    return json.dumps(
        {
            "software": "napari-unet-live",
            "network": model.header.network,
            "arguments": model.header.arguments,
            "model_created": model.header.provenance.created,
            "classes": model.class_names,
            "normalisation": {
                "method": constants.method,
                "low": constants.low,
                "high": constants.high,
            },
            "rotations": model.header.rotations if rotations is None else rotations,
            "precision": predictor.precision,
            "device": predictor.device.type,
        }
    )
