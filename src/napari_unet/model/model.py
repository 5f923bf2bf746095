"""A trained network and all that it needs to predict."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from pydantic import JsonValue
from torch import nn

from napari_unet.errors import UserError
from napari_unet.images.image import ArrayLike, Box, Image, Index
from napari_unet.images.normalise import Normalisation
from napari_unet.images.tiling import Tile
from napari_unet.model import file
from napari_unet.model.arguments import image_for, tile_size
from napari_unet.model.building import network_for
from napari_unet.model.finding import find_objects, known_objects
from napari_unet.model.header import Header
from napari_unet.networks import registry
from napari_unet.networks.geometry import Geometry
from napari_unet.prediction.attention import AttentionPredictor
from napari_unet.prediction.device import choose_device, choose_precision
from napari_unet.prediction.object_sizes import KnownObjects
from napari_unet.prediction.output import DTYPES, write_tile
from napari_unet.prediction.pipeline import ReadAhead
from napari_unet.prediction.predictor import Predictor
from napari_unet.prediction.two_looks import looking_twice
from napari_unet.prediction.way import Way
from napari_unet.speed import way_for_prediction


@dataclass(frozen=True)
class TilePrediction:
    """What one tile of one plane gave; ``number`` of ``total`` counts over all planes from 1."""

    index: Index
    tile: Tile
    probability: npt.NDArray[np.float32]
    number: int
    total: int
    last_of_plane: bool


class Model:
    """A network with averaged weights and the header that says how to use it."""

    def __init__(self, header: Header, network: nn.Module) -> None:
        self.header = header
        self.network = network.eval()

    @property
    def geometry(self) -> Geometry:
        """Sizes of what predicts, a second look included."""
        return self._network_geometry.predicting(self.header.second_look)

    @property
    def _network_geometry(self) -> Geometry:
        return registry.geometry(self.header.network, self.header.arguments, self.header.dims)

    @property
    def second_look(self) -> float:
        """Share of a second look at half the size in what is predicted; 0 = one look."""
        return self.header.second_look if self._network_geometry.resizable else 0.0

    def one_look(self) -> Model:
        """This model without its second look at half the size; the network is shared."""
        return self._with(second_look=0.0) if self.header.second_look else self

    def own_size(self) -> Model:
        """This model, predicting every image at the size that it has; the network is shared."""
        return self._with(enlarge=1.0) if self.header.enlarge > 1 else self

    def _with(self, **settings: JsonValue) -> Model:
        preset = {**self.header.preset, **settings}
        return Model(self.header.model_copy(update={"preset": preset}), self.network)

    @property
    def known_objects(self) -> KnownObjects:
        """What decides at which size an image is predicted."""
        return known_objects(self.header)

    @property
    def enlarges(self) -> bool:
        """Whether images of smaller objects than those of the training are enlarged."""
        known = self.known_objects
        return known.most > 1 and known.min_size > 0 and self.geometry.resizable

    def predictor_for(
        self, image: Image, predictor: Predictor, tile: int | Sequence[int] | None = None
    ) -> Predictor:
        """``predictor``, enlarging this image where its objects are small, with a note then.

        ``image`` comes from :meth:`as_image`. See :mod:`napari_unet.prediction.object_sizes`.
        """
        size, known = self.known_objects.size_for(
            image, self.header.rule(), predictor, tile_size(tile, self.header.dims)
        )
        if size > 1:
            predictor.notes.append(
                f"Its objects are smaller than those that were trained on: it was predicted "
                f"{float(size):.3g} times enlarged."
            )
        return predictor.at_size(size).knowing(known)

    @property
    def class_names(self) -> list[str]:
        return [c.name for c in self.header.classes]

    @property
    def default_outputs(self) -> tuple[str, ...]:
        """What is written when nobody says what: classes, and objects for an objects model."""
        return ("classes", "objects") if self.header.label_kind == "objects" else ("classes",)

    def predictor(
        self, device: str = "auto", precision: str = "auto", *, way: Way | None = None
    ) -> Predictor:
        """The network ready to predict; it is moved to the device.

        With precision ``auto`` it is run as was measured to be fastest here (docs/speed.md), or in
        the ``way`` that is given.
        :class:`UserError` where the machine has no such device or the device no such precision.
        """
        chosen = choose_device(device)
        header = self.header
        way = way or way_for_prediction(
            header.network, header.arguments, dims=header.dims, device=chosen, precision=precision
        )
        network, geometry = looking_twice(self.network, self._network_geometry, self.second_look)
        return Predictor(network, geometry, device=chosen, way=way)

    def fast(self, level: int) -> Model:
        """This UNet++ pruned to ``level`` at prediction: the head on x^{0,level} alone.

        Nodes that this head does not need are not computed (Zhou et al. 2018, Section 3.3), and
        the halo of a tile is that of a network of depth ``level``. The weights are all kept, and
        shared with this model; saved, the file predicts fast and can be trained on.

        Raises
        ------
        UserError
            The network is another, or has no head at this level.
        """
        header = self.header
        arguments = registry.check_arguments(header.network, header.arguments, header.dims)
        if not {"mode", "level"} <= set(type(arguments).model_fields):
            raise UserError(
                f"The model is a {registry.spec(header.network).title}: only UNet++ (unetpp) can "
                f"be pruned to a level at prediction."
            )
        chosen = header.arguments | {"mode": "fast", "level": level}
        registry.check_arguments(header.network, chosen, header.dims)
        weights = self.network.state_dict()
        pruned = header.model_copy(update={"arguments": chosen})
        return Model(pruned, network_for(pruned, dict(weights)))

    def as_image(
        self, image: Image | ArrayLike, axes: str | None = None, name: str = "the image"
    ) -> Image:
        """The image as this model sees it: an array gets its axes from the header.

        An array has as many dimensions as the training images, or fewer by some or all of their
        leading axes (time, or z of a 2D model), the first ones; for any other, ``axes`` must say
        what they are.

        Raises
        ------
        UserError
            Dimensions that the header does not explain, another number of channels, or no z for a
            3D model.
        """
        return image_for(self.header, image, axes, name)

    def tiles(
        self,
        image: Image,
        predictor: Predictor,
        *,
        rotations: bool | None = None,
        tile: int | Sequence[int] | None = None,
        indices: Sequence[Index] | None = None,
        box: Box | None = None,
        skip: Mapping[Index, Collection[int]] = MappingProxyType({}),
        ahead: bool = False,
        like: Image | None = None,
    ) -> Iterator[TilePrediction]:
        """Predict an image tile by tile, plane after plane, reading only what each tile needs.

        ``image`` comes from :meth:`as_image`; ``indices`` (default: all planes) and ``box`` limit
        what is predicted, and ``skip`` names tiles of planes that are left out (they are counted).
        ``rotations`` as of :meth:`predict`; ``ahead``: read in a thread while the network computes;
        ``like``: the image whose normalisation is used instead. Errors as of
        :meth:`Predictor.tiles`.
        """
        views = self.header.rotations if rotations is None else rotations
        indices = list(image.indices()) if indices is None else indices
        size = tile_size(tile, self.header.dims)
        shape = image.spatial_shape
        plan = predictor.plan(shape, size, box)
        constants = self.normalisation(like or image)
        ready = {} if views or like is not None else predictor.known

        def read(key: tuple[Index, Box]) -> npt.NDArray[np.float32]:
            return constants.apply(image.read(*key))

        def keys() -> Iterator[tuple[Index, Box]]:
            for index in (one for one in indices if one not in ready):
                for part in predictor.reads(shape, size, box, skip.get(index, ())):
                    yield index, part

        with ExitStack() as stack:
            known = stack.enter_context(ReadAhead(read, keys())) if ahead else read
            for position, index in enumerate(indices):
                left_out = skip.get(index, ())
                left = [one.number for one in plan if one.number not in left_out]
                ranks = {one.number: rank for rank, one in enumerate(plan, 1)}

                def pixels(part: Box, index: Index = index) -> npt.NDArray[np.float32]:
                    return known((index, part))

                parts = predictor.tiles(
                    pixels, shape, size, box, views, left_out, known=ready.get(index)
                )
                for one, probability in parts:
                    yield TilePrediction(
                        index,
                        one,
                        probability,
                        position * len(plan) + ranks[one.number],
                        len(indices) * len(plan),
                        one.number == left[-1],
                    )

    def fingerprint(self) -> str:
        """SHA-256 of header and weights, equal for models that predict the same.

        When and how they came to be does not count: a model that is taken from a training twice
        bears two dates.
        """
        header = self.header.model_dump_json(exclude={"history", "provenance"})
        digest = hashlib.sha256(header.encode())
        for name, tensor in self.network.state_dict().items():
            values = tensor.detach().cpu().contiguous()
            digest.update(f"{name} {values.dtype} {tuple(values.shape)}".encode())
            digest.update(values.reshape(-1).view(torch.uint8).numpy().data)
        return digest.hexdigest()

    def normalisation(self, image: Image) -> Normalisation:
        """The constants for one image: those of the training, or its own if the header says so."""
        return self.header.rule().for_image(image)

    def objects(self, probability: npt.NDArray[np.float32]) -> npt.NDArray[np.int32]:
        """Instances (*spatial) from the probability (class, *spatial) of a whole plane."""
        return find_objects(self.header, probability)

    def predict(
        self,
        image: Image | ArrayLike,
        *,
        output: str = "probability",
        axes: str | None = None,
        rotations: bool | None = None,
        tile: int | Sequence[int] | None = None,
        device: str = "auto",
        precision: str = "auto",
    ) -> npt.NDArray[Any]:
        """Predict an image with any leading axes, plane by plane.

        Of a model that :attr:`enlarges`, an image of smaller objects than those of the training is
        seen enlarged (not with :meth:`own_size`); the result has the size of the image.

        Parameters
        ----------
        image
            Array, what numpy makes one of, or :class:`Image`; see :meth:`as_image` for the axes of
            an array.
        output
            ``probability``: float32 (class, [t,] [z,] y, x); without the class axis ``classes``
            uint8, ``objects`` int32 (ids by plane) and ``uncertainty`` float32 (entropy divided by
            ln(classes)).
        rotations
            Average over the eight symmetric views, eight times as slow; None: as the recipe says
            that the model was trained with (``strokes`` does, the others do not).
        tile
            Wished output size of a tile in pixels; the result does not depend on it.

        Raises
        ------
        UserError
            An image that does not fit the model, an unknown output, device or precision, or a
            tile that is no size.

        Warns
        -----
        UserWarning
            The grey values are far from those of the training, see :meth:`Normalisation.doubts`.
        """
        if output not in DTYPES:
            raise UserError(f"There is no output {output!r}; choose from {', '.join(DTYPES)}.")
        seen = self.as_image(image, axes)
        if doubts := self.header.rule().doubts(seen):
            warnings.warn(f"{seen.name}: {doubts}", stacklevel=2)
        shape = seen.leading_shape + seen.spatial_shape
        classes = len(self.header.classes)
        arrays = {output: np.empty((classes,) * (output == "probability") + shape, DTYPES[output])}
        plane = np.empty((classes, *seen.spatial_shape), np.float32)
        whole = {"probability": plane} if output == "objects" else {}
        predictor = self.predictor_for(seen, self.predictor(device, precision), tile)
        for one in self.tiles(seen, predictor, rotations=rotations, tile=tile):
            write_tile(arrays, one.index, one.tile.output, one.probability)
            write_tile(whole, (), one.tile.output, one.probability)
            if output == "objects" and one.last_of_plane:
                arrays[output][one.index] = self.objects(plane)
        return arrays[output]

    @property
    def attention_names(self) -> tuple[str, ...]:
        """Names of the attention gates, finest first; empty for networks without any."""
        header = self.header
        return registry.attention_names(header.network, header.arguments, header.dims)

    def attention_predictor(
        self, device: str = "auto", precision: str = "auto"
    ) -> AttentionPredictor:
        """As :meth:`predictor`, for attention coefficients in place of probabilities.

        :class:`UserError` also for a network without attention gates.
        """
        if not self.attention_names:
            raise UserError(
                f"The model ({self.header.network}) has no attention gates: train attention_unet "
                f"with gates single or multi."
            )
        chosen = choose_device(device)
        return AttentionPredictor(
            self.network,
            self._network_geometry,
            device=chosen,
            precision=choose_precision(precision, chosen),
        )

    def attention(
        self,
        image: Image | ArrayLike,
        *,
        axes: str | None = None,
        tile: int | Sequence[int] | None = None,
        device: str = "auto",
        precision: str = "auto",
    ) -> npt.NDArray[np.float32]:
        """Where the gates look: float32 (gate, [t,] [z,] y, x) in 0..1, gates as named in
        :attr:`attention_names`.

        The coefficients alpha of Oktay et al. 2018, equation 1, by which skip connections are
        multiplied; those of coarser levels are repeated up to the size of the image. Parameters and
        errors as of :meth:`predict`; :class:`UserError` also for networks without gates.
        """
        predictor = self.attention_predictor(device, precision)
        seen = self.as_image(image, axes)
        shape = seen.leading_shape + seen.spatial_shape
        whole = np.empty((len(self.attention_names), *shape), np.float32)
        for one in self.tiles(seen, predictor, tile=tile):
            write_tile({"probability": whole}, one.index, one.tile.output, one.probability)
        return whole

    def save(self, path: str | Path, training_state: dict[str, Any] | None = None) -> None:
        """Write a ``.unet`` file, whole or not at all.

        With the ``training_state`` of a trainer the training can go on from the file.
        :class:`UserError` where it cannot be written; an older file then stays as it was.
        """
        file.save(path, self.header, self.network.state_dict(), training_state)


def load(path: str | Path) -> Model:
    """Read a ``.unet`` file or folder; it never runs code.

    :class:`UserError` says what is wrong with a file that is missing, damaged, made by a newer
    version, or whose weights do not fit its network.
    """
    header, weights, _ = file.load(path, training_state=False)
    return Model(header, network_for(header, weights, str(path)))
