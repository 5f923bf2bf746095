"""Attention coefficients: asked of the engine, shown as layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_unet.engine import jobs
from napari_unet.engine.protocol import ArrayRef, Attention, JobFinished
from napari_unet.engine.workspace import Workspace
from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.plugin import attention
from napari_unet.plugin.derived import find
from napari_unet.plugin.session import Session


def test_each_gate_becomes_a_layer(session: Session, engine: Any) -> None:
    stack = np.zeros((3, 40, 48), np.uint8)
    entry = session.use_image(session.viewer.add_image(stack, name="s"))
    session.network, session.settings = "attention_unet", {"arguments": {"depth": 3}}
    session.has_model = True
    session.viewer.dims.set_point(0, 1)
    job = attention.show_attention(session, entry)
    command = engine.of("attention")[-1]
    assert (command.index, command.box) == ((1,), ((0, 40), (0, 48)))
    engine.arrays[command.array.path][0] = 0.25
    engine.arrays[command.array.path][1] = 0.5
    session.handle(JobFinished(job=job, result={}))
    for name, value in (("attention 1:2", 0.25), ("attention 1:4", 0.5)):
        layer = find(session.viewer, entry, name)
        assert (layer.data[1] == value).all()
        assert not layer.data[0].any()
        assert tuple(layer.contrast_limits) == (0, 1)


def test_of_a_volume_it_is_the_plane_on_show(session: Session, engine: Any) -> None:
    entry = session.use_image(session.viewer.add_image(np.zeros((3, 40, 48), np.uint8), name="s"))
    session.network = "attention_unet"
    session.set_dims(3)
    session.has_model = True
    session.viewer.dims.set_point(0, 2)
    attention.show_attention(session, entry)
    command = engine.of("attention")[-1]
    assert (command.index, command.box) == ((), ((2, 3), (0, 40), (0, 48)))


def test_networks_without_gates_say_so(session: Session, entry: Any) -> None:
    with pytest.raises(UserError, match="no model"):
        attention.show_attention(session, entry)
    session.has_model = True
    with pytest.raises(UserError, match="has no attention gates"):
        attention.show_attention(session, entry)


def test_the_engine_writes_what_python_returns(tmp_path: Any) -> None:
    from small_models import make_model as make

    model = make("attention_unet", width=2, depth=3, gates="single", norm="none")
    pixels = np.random.default_rng(0).integers(0, 256, (40, 48), np.uint8)

    class Source:
        device, precision = "cpu", "float32"

        def model(self) -> Any:
            return model

    workspace = Workspace()
    workspace.images["i"] = Image("i", pixels, "yx")
    path = tmp_path / "a.npy"
    for gates in (2, 3):
        np.save(path, np.zeros((gates, 16, 48), np.float32))
        command = Attention(
            job="j",
            image="i",
            index=(),
            box=((8, 24), (0, 48)),
            array=ArrayRef(kind="npy", path=str(path)),
        )
        job = jobs.attention(command, workspace, Source())  # type: ignore[arg-type]
        if gates == 3:
            with pytest.raises(UserError, match="1/2, 1/4"):
                list(job)
            continue
        assert list(job)[-1][0].type == "job_finished"
        expected = model.attention(pixels, device="cpu", precision="float32")[:, 8:24]
        np.testing.assert_allclose(np.load(path), expected, atol=1e-5)
