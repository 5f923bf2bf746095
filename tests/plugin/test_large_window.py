"""A large image in the window: what is on screen first, then the whole, by clicking the button."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from qtpy.QtWidgets import QWidget
from small_models import make_model

from napari_unet.engine.client import EngineClient
from napari_unet.plugin import derived, main_dock, screen_first
from napari_unet.plugin.derived import find
from napari_unet.plugin.session import Session
from napari_unet.plugin.training_control import load_model
from napari_unet.plugin.visible import on_screen

pytestmark = pytest.mark.window
SIDE = 4608


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pyramid on disk of means of 2 x 2 pixels, and a model."""
    folder = tmp_path_factory.mktemp("pyramid")
    pixels = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE), np.uint8)
    for level in range(4):
        zarr.create_array(folder / f"{level}.zarr", data=pixels, chunks=(512, 512))
        n = len(pixels) // 2
        pixels = pixels.reshape(n, 2, n, 2).mean((1, 3)).astype(np.uint8)
    make_model("unet", width=2, depth=1, padding="same").save(folder / "m.unet")
    return folder


@pytest.fixture
def dock(make_napari_viewer: Any, qtbot: Any, tmp_path: Path, place: Path) -> Iterator[Any]:
    viewer = make_napari_viewer(show=True)
    levels = [zarr.open_array(place / f"{n}.zarr", mode="r") for n in range(4)]
    viewer.add_image(
        levels, multiscale=True, name="slide", scale=(0.5, 0.5), translate=(10, 20),
        contrast_limits=(0, 255),
    )  # fmt: skip
    session = Session(viewer, engine=EngineClient(tmp_path / "cache"))
    main_dock._sessions[viewer] = session
    made = main_dock.UNetDock(viewer)
    viewer.window.add_dock_widget(made, name="U-Net", area="right")
    qtbot.waitUntil(lambda: session.engine_was_ready, timeout=60_000)
    load_model(session, place / "m.unet")
    qtbot.waitUntil(lambda: session.has_model, timeout=60_000)
    yield made
    session.close()


def press(dock: Any, name: str) -> None:
    button = dock.findChild(QWidget, name)
    assert button is not None
    button.click()


def expected(place: Path, level: int) -> np.ndarray:
    from napari_unet.model.model import load

    pixels = zarr.open_array(place / f"{level}.zarr", mode="r")[...]
    return load(place / "m.unet").predict(pixels, output="classes", device="cpu")


def test_an_overview_first_and_full_resolution_in_its_place(
    dock: Any, qtbot: Any, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, viewer = dock.session, dock.session.viewer
    entry = session.current
    viewer.fit_to_view()
    qtbot.wait(100)
    level = entry.layer.data_level
    assert level > 0
    whole: list[Any] = []
    predict_image = screen_first.predict_image
    monkeypatch.setattr(screen_first, "predict_image", lambda *a, **k: whole.append((a, k)))
    press(dock, "predict_image")
    qtbot.waitUntil(lambda: find(viewer, entry, "overview") is not None, timeout=60_000)
    layer = find(viewer, entry, "overview")
    own = layer.metadata["napari_unet"]
    assert own["level"] == level
    assert f"{2**level} times as large as those the network learned on" in own["says"]
    assert f"1:{2**level}" in layer.name
    assert "this is an" in layer.features
    assert "overview" in dock.message.text()
    # It lies where the image lies, in larger pixels.
    np.testing.assert_allclose(layer.scale, [0.5 * 2**level] * 2)
    (top, bottom), (left, right) = own["box"]
    np.testing.assert_allclose(
        layer.translate, [10 + 0.5 * top * 2**level, 20 + 0.5 * left * 2**level]
    )
    # As if the whole level had been predicted: the edge of the screen is no edge.
    wanted = expected(place, level)[top:bottom, left:right]
    shown = np.asarray(layer.data)
    rim = np.ones(shown.shape, bool)  # in the middle there is full resolution already
    rim[shown.shape[0] // 6 : -shown.shape[0] // 6, shown.shape[1] // 6 : -shown.shape[1] // 6] = 0
    assert (shown != wanted)[rim].mean() < 0.01
    # Then the whole image, and no overview any more.
    [(arguments, options)] = whole
    predict_image(*arguments, **options)
    qtbot.waitUntil(lambda: not session.jobs, timeout=180_000)
    assert find(viewer, entry, "overview") is None
    prediction = find(viewer, entry, "prediction")
    assert prediction.multiscale
    assert (np.asarray(derived.pixels(prediction)) != expected(place, 0)).mean() < 0.01


def test_zoomed_in_the_screen_is_predicted_at_full_resolution(
    dock: Any, qtbot: Any, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, viewer = dock.session, dock.session.viewer
    entry = session.current
    viewer.scene.camera.center = (10 + 0.5 * 2000, 20 + 0.5 * 3000)
    viewer.scene.camera.zoom = 4
    qtbot.waitUntil(lambda: entry.layer.data_level == 0, timeout=10_000)
    qtbot.wait(100)
    view = on_screen(viewer, entry)
    assert view.is_full
    whole: list[Any] = []
    monkeypatch.setattr(screen_first, "predict_image", lambda *a, **k: whole.append(a))
    press(dock, "predict_image")
    qtbot.waitUntil(lambda: bool(whole), timeout=60_000)
    assert find(viewer, entry, "overview") is None
    prediction = find(viewer, entry, "prediction")
    (top, bottom), (left, right) = view.box
    assert top < 2000 < bottom
    assert left < 3000 < right
    found = np.asarray(derived.pixels(prediction))[top:bottom, left:right]
    assert (found != expected(place, 0)[top:bottom, left:right]).mean() < 0.01


def test_full_resolution_takes_the_place_of_the_overview(
    dock: Any, qtbot: Any, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, viewer = dock.session, dock.session.viewer
    entry = session.current
    viewer.fit_to_view()
    qtbot.wait(100)
    monkeypatch.setattr(screen_first, "predict_image", lambda *a, **k: None)
    press(dock, "predict_image")
    qtbot.waitUntil(lambda: find(viewer, entry, "overview") is not None, timeout=60_000)
    # Zooming in is enough: the live prediction of the screen is at full resolution.
    viewer.scene.camera.center = (10 + 0.5 * 2048, 20 + 0.5 * 2048)
    viewer.scene.camera.zoom = 4
    prediction = []

    def full() -> bool:
        prediction[:] = [find(viewer, entry, "prediction")]
        return prediction[0] is not None and bool(
            np.asarray(derived.pixels(prediction[0]))[2000:2096, 2000:2096].any()
        )

    qtbot.waitUntil(full, timeout=60_000)
    layer = find(viewer, entry, "overview")
    own = layer.metadata["napari_unet"]
    times = own["factor"][0]
    row, column = (int(2048 / times) - own["box"][axis][0] for axis in (0, 1))
    assert not np.asarray(layer.data)[row - 1 : row + 2, column - 1 : column + 2].any()
    assert np.asarray(layer.data)[:20, :20].any()
