"""Where a model comes from: versions of packages and fingerprints of images. Free of torch."""

from __future__ import annotations

import hashlib
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from napari_unet import __version__
from napari_unet.errors import UserError
from napari_unet.images.image import Image

_PACKAGES = ("torch", "numpy", "scipy", "scikit-image", "safetensors", "tifffile", "zarr", "napari")


def packages() -> dict[str, str]:
    """Versions of what a result depends on, Python's among them; none is imported."""
    versions = {"napari-unet-live": __version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def now() -> str:
    """The time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def image_hash(image: Image) -> str:
    """SHA-256 of the image's file; of shape, dtype and planes where it is no single file.

    :class:`UserError` where the file can no longer be read.
    """
    if image.path is not None and image.path.is_file():
        try:
            with image.path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise UserError(f"{image.path} cannot be read: {error.strerror}.") from error
    digest = hashlib.sha256()
    digest.update(f"{image.data.shape} {np.dtype(image.data.dtype).str}".encode())
    for index in image.indices():
        digest.update(image.read(index).tobytes())
    return digest.hexdigest()
