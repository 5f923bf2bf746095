"""kill -9 of napari in the middle of painting: reopening shows every finished stroke."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_unet.plugin.project_link import open_project
from napari_unet.plugin.session import Session
from napari_unet.project import untitled

HERE = Path(__file__).parent

SCRIPT = """
    import os, signal, sys
    sys.path.insert(0, {here!r})
    import napari_unet.project.untitled as untitled
    untitled.user_data_dir = lambda *a, **k: {folder!r}
    import numpy as np
    from napari.components import ViewerModel
    from conftest import FakeEngine
    from napari_unet.plugin.session import Session

    session = Session(ViewerModel(), engine=FakeEngine())
    layer = session.viewer.add_image(np.arange(60 * 70, dtype=np.uint16).reshape(60, 70), name="a")
    entry = session.use_image(layer)
    one = session.new_labels(entry)
    session.add_class("wall")
    session.mark_complete(entry, ((40, 50), (20, 30)))
    for n in range(5):
        one.layer.data_setitem((np.full(20, n * 3), np.arange(20)), 1 + n % 3)
        session.tick()
        session.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_reopening_after_a_kill_restores_everything(data_folder: Path, engine: Any) -> None:
    code = textwrap.dedent(SCRIPT).format(here=str(HERE), folder=str(data_folder))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == -9, done.stderr
    [folder] = untitled.unfinished()
    session = Session(ViewerModel(), engine=engine)
    open_project(session, folder)
    [entry] = session.images.values()
    one = session.labels[entry.id]
    expected = np.zeros((60, 70), np.uint8)
    for n in range(5):
        expected[n * 3, :20] = 1 + n % 3
    np.testing.assert_array_equal(one.layer.data, expected)
    np.testing.assert_array_equal(
        entry.layer.data, np.arange(60 * 70, dtype=np.uint16).reshape(60, 70)
    )
    assert [c.name for c in session.classes][-1] == "wall"
    assert one.regions[40:50, 20:30].all()
    assert one.regions.sum() == 100
    # and it goes on: the next stroke lands in the same journal
    one.layer.data_setitem((np.array([50]), np.array([60])), 2)
    session.flush()
    assert session.project.project.labels(one.project_id)[50, 60] == 2
    session.close()
