"""Objects made from a prediction, by a recipe that a person can turn knobs of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.morphology import local_maxima, reconstruction
from skimage.segmentation import watershed

from napari_unet.annotations.holes import fill_holes
from napari_unet.annotations.objects import components, drop_small, renumber
from napari_unet.annotations.splitting import mark_all, split
from napari_unet.errors import UserError
from napari_unet.measurements.peaks import peaks

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]
Objects = npt.NDArray[np.int32]

Method = Literal["as they are", "components", "distance", "probability", "necks"]
METHODS: tuple[Method, ...] = get_args(Method)
SMOOTHING = 1.0
"""Standard deviation, in pixels, of the Gaussian before maxima are looked for."""


@dataclass(frozen=True)
class Recipe:
    """How objects are made of the foreground.

    Attributes
    ----------
    method
        ``as they are``: the values of a Labels layer are ids already. ``components``: what hangs
        together by edges (4 neighbours in 2D, 6 in 3D). ``distance``: watershed of the distance to
        the background from its maxima, no two of them nearer than ``apart`` (Beucher & Lantuejoul
        1979). ``probability``: watershed of the smoothed probability from its maxima that rise by
        ``rise`` above the saddle to a higher one. ``necks``: cut where narrow by ``depth`` pixels,
        see :func:`~napari_unet.annotations.splitting.split`.
    threshold
        Foreground is where the probability is at least this.
    min_size
        Objects of fewer pixels are left out.
    largest_hole
        Enclosed background of at most so many pixels is filled.
    drop_border
        Leave out what touches the border of the frame (in volumes the first and last slice too).
    """

    method: Method = "components"
    threshold: float = 0.5
    apart: float = 10.0
    rise: float = 0.1
    depth: float = 1.0
    min_size: int = 0
    largest_hole: int = 0
    drop_border: bool = False


def make_objects(frame: Array, recipe: Recipe, spacing: Sequence[float] | None = None) -> Objects:
    """Objects of one frame: int32 (y, x) or (z, y, x).

    Parameters
    ----------
    frame
        Floats are the probability of the foreground; integers class indices, whose classes never
        share an object, or ids where the recipe says so.
    spacing
        Size of a pixel by axis: distances are measured with it, in pixels of the smallest side.

    Returns
    -------
    The ids are 1, 2, .. without gaps, except that ``as they are`` keeps those of the layer.

    Raises
    ------
    UserError
        A method that needs probabilities, or ids, which the frame does not hold.
    """
    probable = frame.dtype.kind == "f"
    if recipe.method == "probability" and not probable:
        raise UserError(
            "A watershed on the probability needs a probability layer: tick 'probability' in the "
            "U-Net dock and predict, or choose another method."
        )
    if recipe.method == "as they are":
        if probable:
            raise UserError("A probability has no objects yet: choose another method.")
        return _selected(_filled(frame, recipe.largest_hole), recipe)
    if probable:
        objects = _separated(frame >= recipe.threshold, frame, recipe, spacing)
    else:
        objects = np.zeros(frame.shape, np.int32)
        for value in np.unique(frame[frame != 0]):
            one = _separated(frame == value, None, recipe, spacing)
            one[objects != 0] = 0  # the hole that another class sits in
            objects = np.where(one > 0, one + int(objects.max()), objects)
    return renumber(_selected(objects, recipe))


def _separated(
    mask: Mask, probability: Array | None, recipe: Recipe, spacing: Sequence[float] | None
) -> Objects:
    mask = fill_holes(mask, recipe.largest_hole)
    if not mask.any():
        return np.zeros(mask.shape, np.int32)
    voxel = np.ones(mask.ndim) if spacing is None else np.asarray(spacing, float) / min(spacing)
    if recipe.method == "distance":
        return _by_distance(mask, recipe.apart, voxel)
    if recipe.method == "probability":
        assert probability is not None
        return _by_probability(mask, probability, recipe.rise)
    if recipe.method == "necks" and recipe.depth > 0:
        # As the model's own objects: planes count pixels, volumes follow their voxels.
        return split(mask, recipe.depth, tuple(voxel.tolist()) if mask.ndim == 3 else ())
    return components(mask)


def _by_distance(mask: Mask, apart: float, voxel: Array) -> Objects:
    # Background beyond the border of the frame would cut what lies there.
    distance = ndimage.distance_transform_edt(mask, sampling=voxel)
    distance = ndimage.gaussian_filter(distance.astype(np.float32), SMOOTHING / voxel)
    places = peaks(distance, ndimage.label(mask)[0], apart, voxel)
    markers = np.zeros(mask.shape, np.int32)
    markers[tuple(places.T)] = np.arange(1, len(places) + 1)
    return np.asarray(watershed(-distance, mark_all(markers, mask), mask=mask), np.int32)


def _by_probability(mask: Mask, probability: Array, rise: float) -> Objects:
    height = ndimage.gaussian_filter(np.asarray(probability, np.float32), SMOOTHING)
    # h-maxima (Soille 2003, 6.3.4): those that rise by less are flattened away.
    lowered = reconstruction(height - np.float32(max(rise, 1e-6)), height)
    tops, _ = ndimage.label(local_maxima(lowered) & mask, np.ones((3,) * mask.ndim))
    markers = mark_all(np.asarray(tops, np.int32), mask)
    return np.asarray(watershed(-height, markers, mask=mask), np.int32)


def _filled(ids: Array, largest: int) -> Objects:
    """Ids with small holes given to the nearest object."""
    objects = np.asarray(ids).astype(np.int32)
    hole = fill_holes(objects != 0, largest) & (objects == 0)
    if not hole.any():
        return objects
    nearest = ndimage.distance_transform_edt(
        objects == 0, return_distances=False, return_indices=True
    )
    return np.where(hole, objects[tuple(nearest)], objects)


def _selected(objects: Objects, recipe: Recipe) -> Objects:
    if recipe.drop_border:
        ends = [objects.take(end, axis).ravel() for axis in range(objects.ndim) for end in (0, -1)]
        objects = np.where(np.isin(objects, np.unique(np.concatenate(ends))), 0, objects)
    return drop_small(objects, recipe.min_size)
