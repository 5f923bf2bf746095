"""How images are shown comes back with a project; what is damaged is told and left out."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_unet.errors import UserError
from napari_unet.plugin.looks import CHECKS, checked_look, look_of
from napari_unet.plugin.project_link import open_project
from napari_unet.plugin.session import Session
from napari_unet.project.project import Project

LOOK = {
    "scale": (0.5, 2.0),
    "translate": (3.0, -4.0),
    "rotate": 30,
    "shear": [0.25],
    "affine": np.array([[1.5, 0.1, 7], [0, 1, 2], [0, 0, 1]]),
    "units": ["micrometer", "micrometer"],
    "opacity": 0.4,
    "visible": False,
    "blending": "additive",
    "colormap": "magma",
    "gamma": 1.7,
    "contrast_limits": (20, 90),
}


def show(layer: Any) -> None:
    """Everything that a user sets with the mouse."""
    layer.contrast_limits, layer.gamma, layer.opacity = (30, 60), 0.5, 0.25
    layer.visible, layer.colormap, layer.blending = False, "viridis", "additive"
    layer.rotate, layer.scale, layer.name = 45, (2, 2), "nuclei"


@pytest.fixture
def painted(session: Session, entry: Any, paint: Any) -> Any:
    one = session.new_labels(entry)
    paint(one.layer, (slice(0, 4), slice(0, 4)), 1)
    return one


def reopen(session: Session) -> Session:
    """Another window with the project of the first."""
    assert session.project.project is not None
    folder = session.project.project.folder
    session.close()
    again = Session(ViewerModel(), engine=type(session.engine)())
    open_project(again, folder)
    return again


@pytest.mark.parametrize("how", ["tick", "close", "remove"])
def test_what_was_changed_after_the_first_stroke_comes_back(
    session: Session, entry: Any, painted: Any, how: str
) -> None:
    show(entry.layer)
    painted.layer.name = "my strokes"
    expected = look_of(entry.layer)
    if how == "tick":
        session.project._looked = -9.0
        session.tick()
        entry.layer.gamma = 2.0  # too soon to be looked at again
        session.tick()
        assert session.project.project.images[entry.project_id].view == expected
        entry.layer.gamma = 0.5
    elif how == "remove":
        session.viewer.layers.remove(entry.layer)
    again = reopen(session)
    layer = again.viewer.layers["nuclei"]
    assert look_of(layer) == expected
    assert again.viewer.layers["my strokes"].rotate.tolist() == layer.rotate.tolist()
    again.close()


def test_a_full_disk_is_told_of_once(
    session: Session, entry: Any, painted: Any, told: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise UserError("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(Project, "update_image", full)
        entry.layer.gamma = 0.5
        for _ in range(3):
            session.project._looked = -9.0
            session.tick()
    assert told.count(("error", "The disk is full.")) == 1


@pytest.mark.parametrize("shape", [(8, 9), (4, 8, 9), (8, 9, 3)])
def test_every_look_is_kept_exactly(shape: tuple[int, ...]) -> None:
    viewer, rgb = ViewerModel(), shape[-1] == 3
    look = dict(LOOK) if shape != (4, 8, 9) else {"gamma": 0.3, "scale": (3, 1, 1)}
    if rgb:
        for name in ("gamma", "contrast_limits", "colormap"):
            del look[name]
    pixels = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    layer = viewer.add_image(pixels, rgb=rgb, **look)
    view = json.loads(json.dumps(look_of(layer)))
    arguments, damaged = checked_look(view, shape)
    assert damaged == []
    assert look_of(viewer.add_image(layer.data, **arguments)) == view
    assert arguments["rgb"] == rgb


BAD: tuple[Any, ...] = (
    None, "x", [], {}, -1, 1e400, [1e400, 0], ["no", "map"], [[1, 2], [3, 4]], [9, 1, 2], [1e99, 1],
    [1e300, 1e300], [True, False], ["9**9**9", "pixel"], ["nonsense", "pixel"], ["/tmp"], "no map",
    [0.0] * 1000, [[0.0] * 3] * 3, float("nan"), {"a": 1},
)  # fmt: skip


@pytest.mark.parametrize("name", CHECKS)
def test_each_check_refuses_what_is_damaged(name: str) -> None:
    for value in BAD:
        assert checked_look({name: value}, (8, 9)) == ({"rgb": False}, [name]), value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("contrast_limits", [1, 1]),
        ("contrast_limits", [2, 1]),
        ("scale", [0, 1]),
        ("gamma", 0),
        ("opacity", 1.01),
        ("visible", 1),
        ("rotate", [[0, 0], [0, 0]]),
        ("affine", [[1, 1, 0], [1, 1, 0], [0, 0, 1]]),
        ("affine", [[1, 0, 0], [0, 1, 0], [0, 1, 1]]),
        ("translate", [0, 0, 0]),
    ],
)
def test_what_napari_could_not_draw_is_refused(name: str, value: Any) -> None:
    assert checked_look({name: value}, (8, 9)) == ({"rgb": False}, [name])


@pytest.mark.parametrize("value", [True, "yes", 1])
def test_planes_are_not_taken_for_colours(value: Any) -> None:
    assert checked_look({"rgb": value}, (8, 9)) == ({"rgb": False}, ["rgb"])


def test_a_damaged_look_is_told_and_the_rest_is_shown(
    session: Session, entry: Any, painted: Any, told: Any
) -> None:
    entry.layer.gamma = 0.5
    project = session.project.project
    session.close()
    document = project.folder / "project.json"
    data = json.loads(document.read_text())
    data["images"][0]["view"] |= {"contrast_limits": [9, "x"], "units": ["9**9**9", "pixel"]}
    document.write_text(json.dumps(data))
    again = Session(ViewerModel(), engine=type(session.engine)())
    again.told.connect(lambda level, text: told.append((level, text)))
    open_project(again, project.folder)
    [image] = again.images.values()
    assert image.layer.gamma == 0.5
    text = "How cells was shown is not known any more: units, contrast_limits."
    assert ("warning", text) in told
    again.close()
