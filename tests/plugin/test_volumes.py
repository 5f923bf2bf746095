"""The dock in 3D: planes in the window, volumes in the engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from napari_unet.engine.protocol import PreviewReady
from napari_unet.errors import UserError
from napari_unet.plugin import predicting
from napari_unet.plugin import training_control as control
from napari_unet.plugin.derived import find
from napari_unet.plugin.loaded_model import know_model
from napari_unet.plugin.recipe import recipe_of
from napari_unet.plugin.session import Session


@pytest.fixture
def volume(session: Session) -> Any:
    data = np.random.default_rng(0).integers(0, 200, (12, 40, 48)).astype(np.uint8)
    return session.use_image(session.viewer.add_image(data, name="v", scale=(8, 1, 1)))


def test_the_engine_is_told_of_a_volume_and_the_window_paints_planes(
    session: Session, engine: Any, volume: Any, paint: Callable[..., None]
) -> None:
    one = session.new_labels(volume)
    assert engine.of("open_image")[-1].dims == 2
    session.set_dims(3)
    told = engine.of("open_image")[-1]
    assert (told.dims, told.spacing, told.axes) == (3, (8.0, 1.0, 1.0), "zyx")
    assert engine.sent[-1].type == "set_labels"
    session.viewer.dims.set_point(0, 8 * 5)
    paint(one.layer, (slice(5, 6), slice(3, 9), slice(3, 9)), 2)
    assert engine.of("labels_changed")[-1].index == ()
    assert session.project.project is not None
    recipe = recipe_of(session)
    assert recipe.arguments["pooling"] == [[1, 2, 2]] * 3
    control.train(session)
    assert session.project.project.settings["dims"] == 3


def test_what_is_watched_and_shown_is_one_plane_of_the_volume(
    session: Session, engine: Any, volume: Any
) -> None:
    session.set_dims(3)
    session.open_in_engine(volume)
    session.has_model = True
    session.viewer.dims.set_point(0, 8 * 7)
    for _ in range(2):
        session.looking._since = 0
        session.looking.tick()
    watch = engine.of("watch")[-1]
    assert (watch.index, watch.box) == ((), ((7, 8), (0, 40), (0, 48)))
    array = engine.arrays[watch.array.path]
    assert array.shape == (2, 1, 40, 48)
    array[1, 0, :10] = 1
    session.handle(PreviewReady(image=watch.image, index=(), box=watch.box, step=3))
    shown = find(session.viewer, volume, "prediction").data
    assert shown[7, :10].all()
    assert shown.sum() == 10 * 48


def test_predicting_a_volume_fills_all_planes(session: Session, engine: Any, volume: Any) -> None:
    session.set_dims(3)
    session.open_in_engine(volume)
    session.has_model = True
    session.shown |= {"probability", "uncertainty"}
    job = predicting.predict_image(session, volume)
    command = engine.of("predict")[-1]
    probability = engine.arrays[command.outputs["probability"].path]
    assert probability.shape == (2, 12, 40, 48)
    probability[0, 3] = 1
    engine.arrays[command.outputs["classes"].path][4:] = 1
    predicting.finish_prediction(session, job)
    assert (find(session.viewer, volume, "probability").data.min((1, 2)) == 0).tolist() == [
        z == 3 for z in range(12)
    ]
    layer = find(session.viewer, volume, "prediction")
    assert layer.data[4:].all()
    np.testing.assert_array_equal(layer.scale, (8, 1, 1))


def test_tiles_of_a_volume_are_boxes(session: Session, volume: Any) -> None:
    session.set_dims(3)
    session.viewer.dims.set_point(0, 8 * 2)
    rows = predicting.plan(session, volume, ())
    assert all(len(row.output) == 3 for row in rows)
    layer = predicting.show_tiles(session, volume)
    assert {tuple(corner[:1]) for box in layer.data for corner in box} == {(2.0,)}
    predicting.go_to_tile(session, rows[-1])
    assert layer.selected_data or find(session.viewer, volume, "tiles").selected_data


def test_wrong_moves(session: Session, entry: Any, volume: Any) -> None:
    session.current = entry
    with pytest.raises(UserError, match="only an image with z"):
        session.set_dims(3)
    session.current = volume
    session.set_dims(3)
    one = session.new_labels(entry)
    one.sent[0, 0] = 1
    with pytest.raises(UserError, match="has no z"):
        control.train(session)
    session.has_model = True
    with pytest.raises(UserError, match="press Reset"):
        session.set_dims(2)


def test_a_loaded_model_says_what_it_is(session: Session, engine: Any, volume: Any) -> None:
    session.open_in_engine(volume)
    arguments = {"width": 4, "depth": 2, "pooling": [[1, 2, 2], [2, 2, 2]]}
    header = {"network": "lunet", "arguments": arguments, "dims": 3, "classes": []}
    know_model(session, {"header": header})
    assert (session.dims, session.network) == (3, "lunet")
    assert engine.of("open_image")[-1].dims == 3
    assert recipe_of(session).arguments["pooling"] == arguments["pooling"]
