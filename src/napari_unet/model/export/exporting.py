"""Export a model: make it, run it, compare it with ours, and only then write it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_unet.errors import UserError
from napari_unet.images.normalise import Normalisation
from napari_unet.model.container import write_file, write_zip
from napari_unet.model.export import check_format, check_out, check_packages
from napari_unet.model.export.about import About
from napari_unet.model.export.graphs import (
    Graph,
    WholeModel,
    to_onnx,
    to_torchscript,
    with_metadata,
)
from napari_unet.model.export.package import check_package, entries, package_sizes
from napari_unet.model.export.reference import Reference
from napari_unet.model.export.sizes import PieceSizes, piece_sizes
from napari_unet.model.export.texts import MISSING, onnx_metadata, takes_missing
from napari_unet.model.model import Model

ONE_LOOK = (
    "The second look at half the size is not exported: other programs predict what "
    "'napari-unet predict --one-look' does."
)
OWN_SIZE = (
    "Enlarging images of small objects is not exported: other programs predict what "
    "'napari-unet predict --own-size' does."
)


@dataclass(frozen=True)
class Exported:
    """A file that was written, what it can be given, and how what is in it compared with ours."""

    path: Path
    takes: str
    notes: tuple[str, ...]


def export(model: Model, format: str, out: str | Path, about: About) -> Exported:
    """Write ``model`` to the file ``out`` as ``onnx`` or as a ``bioimageio`` package.

    Raises
    ------
    UserError
        Packages are missing, the network cannot be exported, what was exported differs from ours by
        more than 1e-4 or is no valid package, or ``out`` cannot be written or is a model. A file
        that is there then stays as it was.
    """
    check_format(format)
    path = Path(out)
    check_out(path)
    check_packages(format)
    single = model.one_look().own_size()
    made = (_onnx if format == "onnx" else _bioimageio)(single, path, about)
    more = [ONE_LOOK] if model.second_look else []
    if model.enlarges:
        more.append(OWN_SIZE)
    if takes_missing(model.header):
        more.append(MISSING)
    return replace(made, notes=(*made.notes, *more))


def _onnx(model: Model, path: Path, about: About) -> Exported:
    """With constants of the training, the file takes grey values; else normalised ones.

    A percentile over an image is no job for a graph that sees a piece of it.
    """
    header = model.header
    record = header.normalisation
    inside = Normalisation("training", record.low, record.high)
    whole = _whole(model, inside if record.method == "training" else None)
    graph = to_onnx(whole, header.in_channels, piece_sizes(model.geometry))
    reference = Reference(model)

    def run(grey: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return graph.run(grey if whole.normalised else reference.normalised(grey))

    line = reference.compare(f"ONNX (opset {graph.version})", run, graph.sizes.examples())
    told = onnx_metadata(header, graph.sizes, about)
    texts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in told.items()}
    write_file(path, with_metadata(graph.content, texts))
    return Exported(path, graph.sizes.describe(), (line,))


def _whole(model: Model, normalisation: Normalisation | None) -> WholeModel:
    missing = takes_missing(model.header)
    return WholeModel(model.network, normalisation, model.header.dims, takes_missing=missing)


def _bioimageio(model: Model, path: Path, about: About) -> Exported:
    header = model.header
    whole = _whole(model, None)
    wanted = piece_sizes(model.geometry)
    graphs, left_out = _graphs(whole, header.in_channels, wanted)
    sizes = package_sizes(graphs)
    reference = Reference(model)
    content = entries(header, graphs, sizes, about, reference)
    lines = check_package(content, graphs, sizes, reference)
    write_zip(path, content)
    return Exported(path, sizes.describe(), (*lines, *left_out))


def _graphs(
    whole: WholeModel, channels: int, sizes: PieceSizes
) -> tuple[dict[str, Graph], list[str]]:
    """Both forms, or the one that the network can be brought into and why the other is missing."""
    graphs: dict[str, Graph] = {}
    problems: dict[str, UserError] = {}
    for kind, make in (("torchscript", to_torchscript), ("onnx", to_onnx)):
        try:
            graphs[kind] = make(whole, channels, sizes)
        except UserError as error:
            problems[kind] = error
    if not graphs:
        raise problems["onnx"]
    return graphs, [f"The package holds no {kind}: {why}" for kind, why in problems.items()]
