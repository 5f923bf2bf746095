"""Recipes are checked, and carry the paper's numbers."""

from __future__ import annotations

import pytest

from napari_unet.errors import UserError
from napari_unet.networks import registry
from napari_unet.training.presets import WHEN, preset, presets


def test_the_paper() -> None:
    paper = preset("paper2015")
    assert (paper.optimiser, paper.momentum, paper.batch, paper.tile) == ("sgd", 0.99, 1, 388)
    assert (paper.elastic_sd, paper.elastic_points, paper.w0, paper.sigma) == (10, 3, 10, 5)
    assert paper.arguments["padding"] == "valid"
    assert paper.arguments["width"] == 64
    assert paper.arguments["dropout"] == 0.5


def test_every_recipe_says_when_to_take_it() -> None:
    assert set(WHEN) == set(presets())
    assert preset().name == "live"


def test_overrides() -> None:
    changed = preset("live", tile=64, arguments={"width": 4})
    assert changed.tile == 64
    assert changed.arguments == preset().arguments | {"width": 4}
    assert preset("live", network="lunet").arguments == {}


def test_objects_are_zoomed_more() -> None:
    assert preset(objects=True).scale > preset().scale > 0
    assert preset(objects=True, scale=0.1).scale == 0.1
    for name in ("paper2015", "strokes"):
        assert preset(name, objects=True) == preset(name)


def test_a_second_look_is_for_classes() -> None:
    assert preset().second_look > 0 == preset(objects=True).second_look
    assert preset(objects=True, second_look=0.2).second_look == 0.2
    for name in ("paper2015", "strokes"):
        assert preset(name).second_look == 0


def test_other_networks_are_small_except_in_the_recipe_of_the_paper() -> None:
    for name in ("live", "strokes"):
        assert preset(name, network="segnet").arguments == dict(registry.spec("segnet").live)
    assert preset("paper2015", network="segnet").arguments == {}


@pytest.mark.parametrize(
    ("name", "overrides", "said"),
    [
        ("fast", {}, "no preset 'fast'"),
        ("live", {"batch": 0}, "'batch'"),
        ("live", {"learning_rate": -1}, "'learning_rate'"),
        ("live", {"speed": 3}, "'speed'"),
    ],
)
def test_mistakes(name: str, overrides: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        preset(name, **overrides)


def test_strength_grows_with_the_steps() -> None:
    live = preset(ramp=100)
    assert live.at(0).elastic_sd == pytest.approx(0.01 * live.elastic_sd)
    assert live.at(49).turned == 0.5
    assert live.at(500) == live.at(99) == live
    assert preset("paper2015").at(0) == preset("paper2015")
