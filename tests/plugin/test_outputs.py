"""Files that jobs write into are removed when the jobs are over, however they end."""

from __future__ import annotations

from typing import Any

import pytest

from napari_unet.engine.protocol import EngineDied, JobFailed, JobFinished
from napari_unet.errors import UserError
from napari_unet.plugin import predicting
from napari_unet.plugin.derived import find


@pytest.mark.parametrize("end", ["finished", "failed", "dropped", "died", "layer removed"])
def test_no_file_is_left(session: Any, entry: Any, end: str) -> None:
    session.has_model = True
    session.shown |= {"objects", "probability", "uncertainty"}
    session.open_in_engine(entry)
    job = predicting.predict_image(session, entry)
    [command] = session.engine.of("predict")
    files = {ref.path for ref in command.outputs.values()}
    assert len(files & set(session.engine.arrays)) == 4
    session.engine.arrays[command.outputs["classes"].path][...] = 1
    if end == "layer removed":
        session.viewer.layers.remove(entry.layer)
    if end == "dropped":
        session.drop_job(job)
    elif end == "died":
        session.engine.events.append(EngineDied(message="It died."))
    elif end == "failed":
        session.engine.events.append(JobFailed(job=job, message="No.", cancelled=False))
    else:
        session.engine.events.append(JobFinished(job=job))
    session.tick()
    assert not session.outputs
    assert not files & set(session.engine.arrays)
    if end == "finished":
        assert find(session.viewer, entry, "prediction").data.all()


def test_boundary_weights_leave_no_file(session: Any, entry: Any) -> None:
    session.new_labels(entry, "objects")
    predicting.show_boundary_weights(session, entry)
    [command] = session.engine.of("boundary_weights")
    session.engine.events.append(JobFinished(job=command.job))
    session.tick()
    assert command.array.path not in session.engine.arrays


def test_a_full_disk_leaves_no_file(
    session: Any, entry: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.has_model = True
    session.shown.add("probability")
    allocate = session.engine.allocate

    def full(shape: Any, dtype: Any) -> Any:
        if len(shape) == 3:
            raise UserError("The disk is full.")
        return allocate(shape, dtype)

    monkeypatch.setattr(session.engine, "allocate", full)
    with pytest.raises(UserError, match="full"):
        predicting.predict_image(session, entry)
    assert not session.engine.arrays
