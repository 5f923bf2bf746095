"""The preview follows the pixels of the image that is watched."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from napari_unet.engine.protocol import ArrayRef, Watch
from napari_unet.engine.watching import Current, Watcher
from napari_unet.engine.workspace import Workspace
from napari_unet.images.image import Image

BOX = ((0, 4), (0, 6))


def test_an_image_with_other_pixels_is_shown_again(tmp_path: Path) -> None:
    path = tmp_path / "preview.npy"
    np.save(path, np.zeros((2, 4, 6), np.float32))
    workspace = Workspace()
    events: list[Any] = []
    workspace.images["a"] = Image("a", np.zeros((4, 6), np.uint8), "yx")

    class Pixels:
        def at_size(self, size: Any) -> Any:
            return self

        def region(self, read: Any, shape: Any, box: Any) -> Any:
            return np.stack([read(box)[0]] * 2)

    rule: Any = SimpleNamespace(for_image=lambda *a: SimpleNamespace(apply=np.asarray))
    current = Current(Pixels(), rule, 1)  # type: ignore[arg-type]
    watcher = Watcher(workspace, events.append)
    watcher.watch(Watch(image="a", index=(), box=BOX, array=ArrayRef(kind="npy", path=str(path))))
    watcher.show(lambda: current, 5, training=False)
    assert [one.type for one in events] == ["preview"]
    assert not watcher.due(5, training=False)
    workspace.images["a"] = Image("a", np.ones((4, 6), np.uint8), "yx")
    watcher.reopened("b")
    assert not watcher.due(5, training=False)
    watcher.reopened("a")
    assert watcher.due(5, training=False)
    watcher.show(lambda: current, 5, training=False)
    assert (np.load(path) > 0).all()
