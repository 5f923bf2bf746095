"""Image layers of all shapes: read by the engine when needed, looked at when current."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import zarr
from waiting import ticks

from napari_unet.engine.protocol import JobFinished
from napari_unet.plugin import images, predicting
from napari_unet.plugin.channels import needs_channels_first
from napari_unet.plugin.derived import class_layer, find
from napari_unet.plugin.session import Session


def test_a_prediction_waits_for_its_image_to_be_read(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "AT_ONCE", 100)  # anything larger is read in a thread
    entry = session.use_image(session.viewer.add_image(np.zeros((40, 50), np.uint8)))
    session.has_model = True
    job = predicting.predict_image(session, entry)
    assert "reading" in session.jobs[job].text
    ticks(session, lambda: bool(session.engine.of("predict")))
    kinds = [c.type for c in session.engine.sent]
    assert kinds.index("open_image") < kinds.index("predict")
    session.engine.events.append(JobFinished(job=job))
    session.tick()
    assert find(session.viewer, entry, "prediction") is not None


def test_a_prediction_of_an_image_that_cannot_be_read_ends_with_a_sentence(
    session: Session, told: list[tuple[str, str]]
) -> None:
    def broken(block: Any) -> Any:
        raise OSError("the disk is gone")

    lazy = da.zeros((40, 50), dtype=np.uint8).map_blocks(
        broken, dtype=np.uint8, meta=np.empty((0, 0))
    )
    layer = session.viewer.add_image(np.zeros((40, 50), np.uint8), name="net")
    entry = session.use_image(layer)
    object.__setattr__(entry.image, "data", lazy)
    session.has_model = True
    predicting.predict_image(session, entry)
    ticks(session, lambda: not session.jobs)
    assert not session.engine.of("predict")
    assert "the disk is gone" in told[-1][1]


def test_a_waiting_prediction_can_be_cancelled(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "AT_ONCE", 100)
    entry = session.use_image(session.viewer.add_image(np.zeros((40, 50), np.uint8)))
    session.has_model = True
    predicting.cancel(session, predicting.predict_image(session, entry))
    assert not session.jobs
    ticks(session, lambda: entry.ready)
    assert not session.engine.of("predict")


def test_an_image_without_labels_is_looked_at_too(session: Any, entry: Any, image: Any) -> None:
    session.has_model = True
    ticks(session, lambda: bool(session.engine.of("watch")))
    other = session.use_image(session.viewer.add_image(image, name="b"))
    ticks(session, lambda: session.engine.of("watch")[-1].image == other.id)


def test_layers_follow_the_name_of_their_image(session: Session, entry: Any) -> None:
    one = session.new_labels(entry)
    prediction = class_layer(session.viewer, entry, session.classes)
    entry.layer.name = "plate 7"
    assert prediction.name == "plate 7: prediction"
    assert one.layer.name == "plate 7: labels"
    assert class_layer(session.viewer, entry, session.classes) is prediction


@pytest.mark.parametrize(
    ("axes", "expected"),
    [
        ("yx", False),
        ("yxc", False),
        ("cyx", False),
        ("czyx", False),
        ("zcyx", True),
        ("tzcyx", True),
    ],
)
def test_where_channels_would_shift_the_labels(axes: str, expected: bool) -> None:
    assert needs_channels_first(axes) == expected


@pytest.mark.parametrize("lazy", [False, True])
def test_channels_between_other_axes_are_shown_first(session: Session, lazy: bool) -> None:
    data = np.arange(5 * 2 * 8 * 9, dtype=np.uint16).reshape(5, 2, 8, 9)
    shown = da.from_array(data) if lazy else data
    layer = session.viewer.add_image(shown, name="confocal", scale=(3, 1, 0.5, 0.5))
    entry = session.use_image(layer, "zcyx")
    assert entry.image.axes == "czyx"
    assert entry.name == "confocal: channels first"
    assert not layer.visible
    np.testing.assert_array_equal(entry.image.read((2,)), data[2])
    one = session.new_labels(entry)
    np.testing.assert_allclose(one.layer.scale, (3, 0.5, 0.5))
    assert session.use_image(layer, "zcyx") is entry
    ticks(session, lambda: entry.ready)
    # The plane that napari shows of the labels is the one that the session takes for current.
    session.viewer.layers.remove(layer)
    session.viewer.dims.set_current_step(1, 3)
    one.layer.data_setitem((np.array([3]), np.array([5]), np.array([6])), 1)
    session.flush()
    assert [c.index for c in session.engine.of("labels_changed")] == [(3,)]


def test_large_planes_have_a_bounded_number_of_tiles(session: Session) -> None:
    lazy = da.zeros((20_000, 20_000), dtype=np.uint8, chunks=4000)
    entry = session.use_image(session.viewer.add_image(lazy, name="slide"))
    assert predicting.tile_size(entry) % 64 == 0
    assert len(predicting.plan(session, entry, ())) <= predicting.TILES


@pytest.mark.parametrize(
    ("shape", "chunks"),
    [
        ((1, 1, 30, 40), (1, 1, 1, 1)),
        ((3, 30, 40), (1, 8, 8)),
        ((30, 40, 3), (30, 40, 3)),
        ((7, 5, 4), (1, 1, 1)),
    ],
)
def test_images_are_read_in_bounded_pieces_of_whole_chunks(
    shape: tuple[int, ...], chunks: tuple[int, ...]
) -> None:
    most = 200
    seen = np.zeros(shape, int)
    for part in images._parts(shape, chunks, most):
        assert seen[part].size <= max(most, np.prod(chunks))
        assert all(s.start % c == 0 for s, c in zip(part, chunks, strict=True))
        seen[part] += 1
    assert (seen == 1).all()
    assert images._chunks(da.zeros(shape, chunks=chunks)) == chunks


def test_a_time_series_of_one_plane_is_not_held_whole(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "AT_ONCE", 1000)
    pixels = np.random.default_rng(0).integers(0, 200, (1, 64, 80)).astype(np.uint8)
    entry = session.use_image(session.viewer.add_image(da.from_array(pixels, chunks=(1, 8, 40))))
    read: list[int] = []

    class Watched:
        ndim, shape, dtype, nbytes, chunks = 3, pixels.shape, pixels.dtype, pixels.nbytes, None

        def __getitem__(self, part: Any) -> Any:
            read.append(pixels[part].size)
            return pixels[part]

    object.__setattr__(entry.image, "data", Watched())
    session.open_in_engine(entry)
    ticks(session, lambda: entry.ready)
    assert max(read) <= 1000
    engine: Any = session.engine
    assert entry.ref is not None
    np.testing.assert_array_equal(engine.arrays[entry.ref.path], pixels)


def test_what_napari_opens_from_zarr_is_named_and_not_copied(
    session: Session, tmp_path: Path
) -> None:
    group = zarr.open_group(tmp_path / "big.zarr", mode="w")
    stored = group.create_array("0", data=np.ones((64, 80), np.uint8), chunks=(32, 32))
    lazy = da.from_zarr(stored)
    entry = session.use_image(session.viewer.add_image(lazy, name="big"))
    session.open_in_engine(entry)
    assert entry.ready
    assert entry.ref is not None
    assert entry.ref.kind == "zarr"
    assert Path(entry.ref.path) == tmp_path / "big.zarr"
    assert entry.ref.component == "0"
    for other in (lazy + 1, lazy[:32], lazy.T, lazy.rechunk(16).astype(np.uint16)):
        assert images._on_disk(other) is None
