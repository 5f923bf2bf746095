"""The files of a package of the BioImage Model Zoo, and whether they hold together."""

from __future__ import annotations

import hashlib
import io
import warnings
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet.errors import UserError
from napari_unet.model.export.about import About
from napari_unet.model.export.graphs import Graph
from napari_unet.model.export.rdf import description, preprocess
from napari_unet.model.export.reference import Reference
from napari_unet.model.export.sizes import PieceSizes
from napari_unet.model.export.texts import readme
from napari_unet.model.header import Header

FILES = {"torchscript": "weights.pt", "onnx": "weights.onnx"}
VERSIONS = {"torchscript": "pytorch_version", "onnx": "opset_version"}


def package_sizes(graphs: Mapping[str, Graph]) -> PieceSizes:
    """What all graphs can be given."""
    every = [graph.sizes for graph in graphs.values()]
    return next((sizes for sizes in every if sizes.fixed is not None), every[0])


def entries(
    header: Header,
    graphs: Mapping[str, Graph],
    sizes: PieceSizes,
    about: About,
    reference: Reference,
) -> dict[str, bytes]:
    """The files by name, ``rdf.yaml`` first; the test tensors are of :meth:`Reference.grey`."""
    import yaml

    grey = reference.grey(sizes.examples()[0])
    files = {
        "README.md": readme(header, sizes, about).encode(),
        "test_input.npy": _npy(grey),
        "test_output.npy": _npy(reference.probability(grey)),
        **{FILES[kind]: graph.content for kind, graph in graphs.items()},
    }
    sha256 = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    weights: dict[str, Any] = {}
    for kind, graph in graphs.items():
        version = int(graph.version) if kind == "onnx" else graph.version
        weights[kind] = {"source": FILES[kind], "sha256": sha256[FILES[kind]]}
        weights[kind][VERSIONS[kind]] = version
        if weights.keys() != {kind}:  # one is the original, of which the others were made
            weights[kind]["parent"] = next(iter(weights))
    told = description(header, sizes, about, weights, sha256)
    text = yaml.safe_dump(told, sort_keys=False, allow_unicode=True, width=100)
    return {"rdf.yaml": text.encode(), **files}


def check_package(
    content: Mapping[str, bytes],
    graphs: Mapping[str, Graph],
    sizes: PieceSizes,
    reference: Reference,
) -> list[str]:
    """A line for each graph that agrees with the model when used as ``rdf.yaml`` says.

    Raises
    ------
    UserError
        The package is not valid, or what it gives differs from what the model gives.
    """
    import yaml

    _validate(content)
    (told,) = yaml.safe_load(content["rdf.yaml"])["inputs"]
    lines = []
    for kind, graph in graphs.items():

        def run(grey: npt.NDArray[np.float32], graph: Graph = graph) -> npt.NDArray[np.float32]:
            return graph.run(preprocess(told["preprocessing"], grey))

        lines.append(reference.compare(f"{kind} {graph.version}", run, sizes.examples()))
    return lines


def _validate(content: Mapping[str, bytes]) -> None:
    """Ask the model zoo's own library, checksums and test tensors included."""
    from bioimageio.spec import InvalidDescr, load_description
    from loguru import logger

    logger.disable("bioimageio.spec")  # what matters is told below
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    with warnings.catch_warnings(), zipfile.ZipFile(file) as archive:
        warnings.simplefilter("ignore")  # it leaves files of its own open
        found = load_description(archive, perform_io_checks=True)
    if isinstance(found, InvalidDescr):
        errors = [
            f"{'.'.join(map(str, error.loc))}: {error.msg}"
            for detail in found.validation_summary.details
            for error in detail.errors
        ]
        raise UserError(
            f"The package is not what the model zoo expects: {' '.join('; '.join(errors).split())}."
        )


def _npy(array: npt.NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()
