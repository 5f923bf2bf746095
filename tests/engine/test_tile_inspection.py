"""A tile shows exactly what prediction does there; wrong labels are found."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from small_models import make_model

from napari_unet.engine.inspecting import FindSuspects, InspectTile
from napari_unet.engine.parcels import unpack
from napari_unet.engine.protocol import ArrayRef, Predict
from napari_unet.engine.suspects import contradictions, find_suspects
from napari_unet.engine.tile_inspection import inspect_tile, look_through, tile_of
from napari_unet.engine.workspace import Workspace
from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.images.tiling import Box, read_mirrored
from napari_unet.networks import registry
from napari_unet.prediction.predictor import Predictor
from napari_unet.prediction.two_looks import looking_twice


def test_everything_about_one_tile(engine: Any) -> None:
    image, mask = engine.disks()
    id = engine.open(image)
    engine.label(id, engine.strokes(mask))
    engine.start(steps=15, precision="float32")
    engine.wait("training_finished")
    shape = (2, 96, 96)
    prediction_ref, probability = engine.client.allocate(shape, np.float32)
    engine.send(Predict(job="p", image=id, outputs={"probability": prediction_ref}, tile=64))
    engine.wait("job_finished")
    ref, parcel = engine.client.allocate((4 * 2**20,), np.uint8)
    command = InspectTile(job="i", image=id, index=(), point=(14, 90), tile=64, parcel=ref)
    engine.send(command)
    result = engine.wait("job_finished").result
    arrays = unpack(parcel, result["arrays"])
    (top, bottom), (left, right) = result["output"]
    assert top <= 14 < bottom
    assert left <= 90 < right
    inside = (slice(top, bottom), slice(left, right))
    np.testing.assert_allclose(
        arrays["probability"], probability[(slice(None), *inside)], atol=1e-4
    )
    # The input is the image, mirrored where the tile reaches outside.
    rows = np.arange(*result["input"][0]).clip(0, 95)
    assert result["input"][0][0] < 0
    given = arrays["input"][0]
    zero = -result["input"][0][0]
    np.testing.assert_array_equal(given[zero - 3], given[zero + 3])
    assert given.shape[0] == len(rows)
    target = arrays["target"]
    labels = engine.strokes(mask)[inside]
    np.testing.assert_array_equal(target[labels > 0], labels[labels > 0] - 1)
    assert (target[labels == 0] == 255).all()
    loss = -np.log(np.take_along_axis(arrays["probability"], (target % 255)[None], 0)[0])
    expected = np.where(target == 255, 0, loss * arrays["weights"])
    np.testing.assert_allclose(arrays["loss"], expected, rtol=1e-3, atol=1e-5)
    # Nothing outside the theoretical receptive field has any influence.
    field = result["receptive_field"]
    effective = arrays["effective"]
    assert effective.max() == pytest.approx(1)
    ys = np.arange(*result["input"][0])[:, None]
    xs = np.arange(*result["input"][1])[None]
    allowed = (ys >= field[0][0]) & (ys < field[0][1]) & (xs >= field[1][0]) & (xs < field[1][1])
    assert not effective[~allowed].any()
    engine.send(command.model_copy(update={"job": "o", "point": (400, 1)}))
    assert "outside" in engine.wait("job_failed").message


def test_gates_of_attention_unet_and_windows_that_are_blended() -> None:
    arguments = {"width": 4, "depth": 2}
    network = registry.build(
        "attention_unet", dims=2, in_channels=1, out_channels=2, arguments=arguments
    )
    geometry = registry.geometry("attention_unet", arguments, 2)
    predictor = Predictor(network, geometry, device=torch.device("cpu"))
    tile = tile_of(predictor, (64, 80), 32, (40, 70))
    size = tuple(b - a for a, b in tile.input)
    pixels = np.random.default_rng(0).normal(size=(1, *size)).astype(np.float32)
    place = (40 - tile.output[0][0], 70 - tile.output[1][0])
    _, effective, gates = look_through(predictor, pixels, tile, place)
    assert effective.shape == size
    assert gates
    assert all(gate.shape == size and 0 <= gate.min() <= gate.max() <= 1 for gate in gates.values())


def test_of_two_looks_the_gates_of_the_first() -> None:
    arguments = {"width": 4, "depth": 2}
    network = registry.build(
        "attention_unet", dims=2, in_channels=1, out_channels=2, arguments=arguments
    )
    geometry = registry.geometry("attention_unet", arguments, 2)
    once = Predictor(network, geometry, device=torch.device("cpu"))
    twice = Predictor(*looking_twice(network, geometry, 0.3), device=torch.device("cpu"))
    image = np.random.default_rng(0).normal(size=(1, 64, 80)).astype(np.float32)
    seen = []

    def read(box: Box) -> np.ndarray:
        return image[(slice(None), *(slice(*span) for span in box))]

    for predictor in (once, twice):
        tile = tile_of(predictor, (64, 80), 64, (40, 70))
        pixels = read_mirrored(read, tile.input, (64, 80))
        place = (40 - tile.output[0][0], 70 - tile.output[1][0])
        probability, effective, gates = look_through(predictor, pixels, tile, place)
        assert effective.shape == pixels.shape[1:]
        assert all(gate.shape == pixels.shape[1:] for gate in gates.values())
        spans = zip(tile.output, tile.input, strict=True)
        own = tuple(slice(a - i, b - i) for (a, b), (i, _) in spans)
        seen.append({name: gate[own] for name, gate in gates.items()})
        whole = predictor.probability(image)[(slice(None), *(slice(*s) for s in tile.output))]
        np.testing.assert_allclose(probability, whole, atol=1e-5)
    assert seen[0].keys() == seen[1].keys() != set()
    y, x = (min(a.shape[axis] for a in (seen[0]["gate_0"], seen[1]["gate_0"])) for axis in (0, 1))
    for name in seen[0]:
        np.testing.assert_allclose(seen[0][name][:y, :x], seen[1][name][:y, :x], atol=1e-5)


def test_contradictions_are_regions_not_outlines() -> None:
    classes = np.zeros((50, 60), np.uint8)
    classes[10:20, 10:20] = 1
    probability = np.zeros((2, 50, 60), np.float32)
    probability[1, 9:21, 9:21] = 0.95  # one pixel larger: how people draw
    probability[1, 30:38, 40:50] = 0.99  # a cell that was forgotten
    probability[1, 45:47, 5:7] = 0.99  # a speck
    probability[0] = 1 - probability[1]
    [one] = contradictions(probability, classes, (3,))
    assert one["index"] == [3]
    assert (one["labelled"], one["predicted"], one["pixels"]) == (0, 1, 80)
    assert probability[1][tuple(one["place"])] > 0.9
    mask = np.zeros_like(classes)
    for row, first, last in one["runs"]:
        mask[row, first:last] = 1
    assert mask.sum() == 80
    assert mask[30:38, 40:50].all()
    classes[30:38, 40:50] = 255  # not labelled: nothing to contradict
    assert contradictions(probability, classes, ()) == []


@pytest.mark.parametrize("inspect", [find_suspects, inspect_tile])
def test_of_volumes_it_is_said_that_only_planes_can_be_looked_at(inspect: Any) -> None:
    model, volume = make_model("unet", 3, width=4, depth=2), np.zeros((4, 16, 16), np.uint8)
    workspace = Workspace()
    workspace.images["v"] = Image("v", volume, "zyx", 3)
    asked: Any = FindSuspects(job="s", image="v")
    if inspect is inspect_tile:
        ref = ArrayRef(kind="npy", path="none")
        asked = InspectTile(job="s", image="v", index=(), point=(1, 1), tile=32, parcel=ref)
    with pytest.raises(UserError, match="planes"):
        list(inspect(asked, workspace, SimpleNamespace(model=lambda: model)))


def test_a_forgotten_disk_is_found(engine: Any) -> None:
    image, mask = engine.disks(160)
    id = engine.open(image)
    wrong = mask.copy()
    wrong[32:64, 32:64] = 0  # the disk in the middle
    engine.label(id, wrong, "classes", complete=True)
    engine.start(
        steps=70,
        arguments={"width": 8, "depth": 2},
        settings={"batch": 4, "tile": 64},
    )
    engine.wait("training_finished")
    engine.send(FindSuspects(job="s", image=id, tile=64))
    result = engine.wait("job_finished").result
    worst = result["suspects"][0]
    assert (worst["labelled_name"], worst["predicted_name"]) == ("background", "disk")
    assert 39 <= worst["place"][0] < 57
    assert 39 <= worst["place"][1] < 57
    losses = [tile["loss"] for tile in result["tiles"]]
    assert losses == sorted(losses, reverse=True)
