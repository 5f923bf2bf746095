"""What is shown is what training is fed; strengths can be tried; folds are found."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from napari_unet.core import make_trainer
from napari_unet.engine import feeding
from napari_unet.engine.inspecting import DrawPieces, FindSafeStrength, Recipe
from napari_unet.engine.parcels import pack, unpack
from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.synthetic import touching_cells
from napari_unet.training.data import LabelledImage

SMALL = {"arguments": {"width": 4, "depth": 2}, "tile": 64, "batch": 2}
RECIPE = Recipe(settings=SMALL)


@pytest.fixture(scope="module")
def labelled() -> LabelledImage:
    image, objects = touching_cells(160, 14)
    return LabelledImage(
        Image("cells", image, "yx"), Image("cells", objects, "yx"), "objects", complete=True
    )


def fed(labelled: LabelledImage) -> feeding.Feed:
    workspace: Any = SimpleNamespace(labelled=lambda: [labelled])
    return feeding.feed(SimpleNamespace(run=None), workspace, RECIPE)  # type: ignore[arg-type]


def test_the_draws_are_those_of_training(labelled: LabelledImage) -> None:
    trainer = make_trainer([labelled], network="unet", settings=SMALL)
    seen: list[Any] = []
    learn = trainer.learner.learn

    def spy(batch: Any) -> float:
        seen.append(batch)
        return learn(batch)

    trainer.learner.learn = spy  # type: ignore[method-assign]
    before = fed(labelled).draws()
    list(trainer.run(steps=3))
    for batch in seen:
        _, shown = next(before)
        assert torch.equal(shown.batch.images, batch.images)
        assert torch.equal(shown.batch.weights, batch.weights)
        assert torch.equal(shown.batch.classes, batch.classes)
    run = SimpleNamespace(trainer=trainer)
    later = feeding.feed(SimpleNamespace(run=run), None, RECIPE)  # type: ignore[arg-type]
    assert next(later.draws())[0] == 3


def test_a_gentle_draw_does_not_fold_and_a_wild_one_does(labelled: LabelledImage) -> None:
    for sd, folds in ((0.0, False), (2.0, False), (40.0, True)):
        one = feeding.tried(fed(labelled), {"elastic_sd": sd, "elastic_points": 5})
        _, drawn = next(one.draws())
        checks = [feeding.check(one, drawn, n) for n in range(2)]
        assert any(c.folded > 0 for c in checks) == folds
        if sd == 0:
            assert not any(c.split for c in checks)
    with pytest.raises(UserError, match="not a strength"):
        feeding.tried(fed(labelled), {"learning_rate": 1})
    with pytest.raises(UserError, match="elastic_sd"):
        feeding.tried(fed(labelled), {"elastic_sd": -1})


def test_through_the_engine(engine: Any) -> None:
    image, objects = touching_cells(160, 14)
    id = engine.open(image)
    engine.label(id, objects, "objects", complete=True)
    ref, parcel = engine.client.allocate((8 * 2**20,), np.uint8)
    command = DrawPieces(job="d", recipe=RECIPE, pieces=5, parcel=ref)
    engine.send(command)
    result = engine.wait("job_finished").result
    arrays = unpack(parcel, result["arrays"])
    assert arrays["images"].shape == (5, 1, 64, 64)
    assert arrays["classes"].shape == arrays["weights"].shape == (5, 64, 64)
    assert arrays["lines"].shape == (5, 6, feeding.SAMPLES, 2)
    assert [p["step"] for p in result["pieces"]] == [0, 0, 1, 1, 2]
    assert result["pieces"][0]["image"] == id
    assert set(np.unique(arrays["classes"])) <= {0, 1, 255}
    still = {"elastic_sd": 0, "scale": 0, "rotation": "none", "mirror": False}
    grey = {"contrast": 0, "brightness": 0, "gamma": 0, "shading": 0, "sharpness": 0, "noise": 0}
    engine.send(command.model_copy(update={"job": "e", "strengths": still | grey, "pieces": 1}))
    result = engine.wait("job_finished").result
    arrays = unpack(parcel, result["arrays"])
    # Undeformed, the first and last grid lines are the edges of a piece of the image.
    lines = arrays["lines"][0]
    top, left = lines[0, 0]
    assert (lines[0][:, 0] == top).all()
    y, x = int(top), int(left)
    assert (y, x) == (top, left)
    part = image[max(y, 0) : y + 64, max(x, 0) : x + 64].astype(float)
    shown = arrays["images"][0, 0, max(-y, 0) :, max(-x, 0) :][: part.shape[0], : part.shape[1]]
    assert np.corrcoef(part.ravel(), shown.ravel())[0, 1] > 0.999
    engine.send(FindSafeStrength(job="s", recipe=RECIPE, pieces=4))
    safe = engine.wait("job_finished").result
    assert 0 <= safe["elastic_sd"] < feeding.STRONGEST
    assert safe["limit"] in ("folds", "objects")
    engine.send(command.model_copy(update={"job": "f", "strengths": {"elastic_sd": -3}}))
    assert "elastic_sd" in engine.wait("job_failed").message


def test_a_parcel_that_is_too_small() -> None:
    parcel = np.zeros(100, np.uint8)
    contents = pack(parcel, {"a": np.arange(3.0), "b": np.ones((2, 2), np.uint8)})
    out = unpack(parcel, contents)
    np.testing.assert_array_equal(out["a"], np.arange(3.0))
    np.testing.assert_array_equal(out["b"], np.ones((2, 2)))
    with pytest.raises(UserError, match="smaller tile"):
        pack(parcel, {"a": np.zeros(50)})
