"""Recipes follow the voxels, and a few annotated planes of a volume are enough to train on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_training import discs

import napari_unet as nu
from napari_unet.core.run import choose_dims
from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.networks import registry
from napari_unet.training.elastic import reach, sampling_grid
from napari_unet.training.presets import preset
from napari_unet.training.tile_size import fitting_tile
from napari_unet.training.volumes import box_sides, fit_to_volume

SHAPE = (40, 200, 200)


def test_poolings_depth_and_voxel_are_written_into_the_recipe() -> None:
    recipe, notes = fit_to_volume(preset("live"), (40, 6, 6), SHAPE)
    assert recipe.arguments["pooling"] == [[1, 2, 2], [1, 2, 2], [2, 2, 2]]
    assert recipe.arguments["depth"] == 3
    assert recipe.voxel == (6.6667, 1, 1)
    assert not notes


def test_what_somebody_chose_stays() -> None:
    given = {"depth": 2, "pooling": [[2, 2, 2], [2, 2, 2]]}
    recipe, _ = fit_to_volume(preset("live", arguments=given), (40, 6, 6), SHAPE, given)
    assert recipe.arguments["pooling"] == given["pooling"]
    assert recipe.arguments["depth"] == 2


def test_cubes_stay_as_they_were() -> None:
    recipe, notes = fit_to_volume(preset("live"), (1, 1, 1), SHAPE)
    assert "pooling" not in recipe.arguments
    _, notes = fit_to_volume(preset("live"), None, SHAPE)
    assert "--spacing" in notes[0]


def test_other_networks_follow_or_say_that_they_do_not() -> None:
    recipe, _ = fit_to_volume(preset("live", network="unet3d"), (4, 1, 1), SHAPE)
    assert recipe.arguments["flat"] == 2
    recipe, notes = fit_to_volume(preset("live", network="lunet"), (4, 1, 1), SHAPE)
    assert recipe.arguments["pooling"][2] == [2, 2, 2]
    assert len(recipe.arguments["pooling"]) == 4  # the paper's depth
    _, notes = fit_to_volume(preset("live", network="attention_unet"), (4, 1, 1), SHAPE)
    assert "4 times longer" in notes[0]


def test_pieces_are_cubes_in_the_world() -> None:
    assert box_sides(64, (1, 1, 1)) == [64, 64, 64]
    sides = box_sides(64, (8, 1, 1))
    assert sides == [16, 128, 128]
    recipe, _ = fit_to_volume(preset("live"), (40, 6, 6), SHAPE)
    sizes = registry.geometry("unet", recipe.arguments, 3)
    assert fitting_tile(sizes, 192, [SHAPE], recipe.voxel) == (18, 120, 120)
    assert fitting_tile(sizes, 192, [(5, 60, 200)], recipe.voxel) == (6, 120, 120)


def test_deformation_goes_as_far_in_the_world_along_each_axis() -> None:
    still = {"rotation": "none", "mirror": False, "scale": 0.0, "elastic_sd": 8.0}
    size = (9, 33, 33)
    grids = [
        sampling_grid(size, 64, one, torch.Generator().manual_seed(1))
        for one in (preset("live", **still), preset("live", **still, voxel=(8.0, 1.0, 1.0)))
    ]
    plain = sampling_grid(size, 1, preset("live", **still | {"elastic_sd": 0.0}), torch.Generator())
    far = [float((g[..., 0] - plain[..., 0]).std()) for g in grids]
    assert far[1] == pytest.approx(far[0] / 8, rel=1e-3)
    torch.testing.assert_close(grids[0][..., 1:], grids[1][..., 1:])
    assert reach(size, preset("live", voxel=(8.0, 1.0, 1.0)))[0] < reach(size, preset("live"))[0]


def test_dims_where_nobody_says() -> None:
    assert choose_dims(None, network=None, spacing=None) == 2
    assert choose_dims(None, network="unet", spacing=(4, 1, 1)) == 3
    assert choose_dims(None, network="unet3d", spacing=None) == 3
    assert choose_dims(2, network="unet3d", spacing=None) == 2


def test_a_few_planes_of_a_volume_train_a_3d_network(tmp_path) -> None:  # type: ignore[no-untyped-def]
    planes = [discs(seed) for seed in range(3)]
    volume = np.stack([planes[z // 4][0] for z in range(12)])
    labels = np.zeros(volume.shape, np.uint8)
    for z in (2, 6):
        labels[z] = (planes[z // 4][1] > 0) + 1
    small = {"width": 4, "depth": 2, "padding": "same", "norm": "batch"}
    model = nu.train(
        volume,
        labels,
        kind="scribbles",
        axes="zyx",
        spacing=(4.0, 1.0, 1.0),
        arguments=small,
        steps=3,
        batch=1,
        device="cpu",
    )
    header = model.header
    assert (header.dims, header.spacing) == (3, (4.0, 1.0, 1.0))
    assert header.arguments["pooling"] == [[1, 2, 2], [1, 2, 2]]
    assert header.preset["voxel"] == [4.0, 1.0, 1.0]
    model.save(tmp_path / "m.unet")
    again = nu.load(tmp_path / "m.unet")
    whole = again.predict(volume, tile=[12, 64, 64], precision="float32")
    boxes = again.predict(volume, tile=[4, 24, 32], precision="float32")
    assert whole.shape == (2, 12, 64, 64)
    assert abs(whole - boxes).max() < 1e-4
    with pytest.raises(UserError, match="one must be z"):
        again.predict(Image("flat", volume[0], "yx", dims=2))
