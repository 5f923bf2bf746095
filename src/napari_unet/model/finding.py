"""How a model finds objects: what its header says of those that were labelled."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet.annotations.objects import objects_from_probability
from napari_unet.model.header import Header
from napari_unet.prediction.object_sizes import SETTLED, KnownObjects
from napari_unet.training.volumes import relative


def known_objects(header: Header) -> KnownObjects:
    """What decides at which size an image is predicted."""
    return KnownObjects(
        min_size=header.min_object_size,
        split_depth=header.split_depth,
        largest_hole=header.largest_hole,
        most=header.enlarge if header.history.steps >= SETTLED else 1.0,
    )


def find_objects(header: Header, probability: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
    """Instances (*spatial) from the probability (class, *spatial) of a whole plane."""
    return objects_from_probability(
        probability,
        header.min_object_size,
        separated=header.label_kind == "objects",
        split_depth=header.split_depth,
        largest_hole=header.largest_hole,
        voxel=relative(header.spacing) if header.dims == 3 else (),
    )
