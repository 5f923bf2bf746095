"""The way out: a trained model for programs that know nothing of this package. Free of torch.

``onnx``        one ONNX file
``bioimageio``  a zip package of the BioImage Model Zoo (rdf.yaml of format 0.5), the weights as
                TorchScript and as ONNX

What is exported gives probabilities: the softmax over the classes is part of it. Nothing is written
before the exported model was run and agreed with ours.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal, get_args

from napari_unet.errors import UserError
from napari_unet.model.file import read_header

Format = Literal["bioimageio", "onnx"]
FORMATS: Final = get_args(Format)
SUFFIXES: Final[dict[Format, str]] = {"bioimageio": ".zip", "onnx": ".onnx"}

_FOR_ONNX = ("onnx", "onnxscript", "onnxruntime")
_PACKAGES: Final = {"onnx": _FOR_ONNX, "bioimageio": (*_FOR_ONNX, "bioimageio.spec", "yaml")}


def check_format(format: str) -> None:
    """Raise :class:`UserError` for a format that there is not."""
    if format not in FORMATS:
        raise UserError(f"There is no format {format!r}; choose one of {', '.join(FORMATS)}.")


def check_out(path: Path) -> None:
    """Raise :class:`UserError` where an exported model must not go: nobody's weights are lost."""
    if path.is_dir():
        raise UserError(f"{path} is a folder; give the exported model another name.")
    if path.exists() and _is_model(path):
        raise UserError(
            f"{path} is a model and would be overwritten: give the exported one another name."
        )


def check_packages(format: str) -> None:
    """Raise :class:`UserError` where packages are missing that a format needs."""
    missing = [name for name in _PACKAGES[format] if not _is_installed(name)]
    if missing:
        raise UserError(
            f"Exporting to {format} needs {', '.join(missing)}: install what is missing with "
            f"pip install 'napari-unet-live[export]'."
        )


def _is_model(path: Path) -> bool:
    try:
        read_header(path)
    except UserError:
        return False
    return True


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # of the package that it would lie in
        return False
