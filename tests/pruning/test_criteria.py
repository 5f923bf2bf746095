"""Which channel goes next."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.errors import UserError
from napari_unet.pruning.criteria import check_method, choose
from napari_unet.pruning.wiring import IMAGE, Layer, Wiring


def wiring(*kernels: int) -> Wiring:
    """Layers in a row and a head, all without bias and normalisation."""
    rows = [IMAGE, *range(len(kernels))]
    layers = [
        Layer(f"layer{n}", (rows[n],), kernel, False, False, (), "")
        for n, kernel in enumerate((*kernels, 1))
    ]
    return Wiring(tuple(layers[:-1]), (layers[-1],), image=1, classes=2)


def chosen(wires: Wiring, norms: list[list[float]], method: str, target: int) -> list[list[int]]:
    arrays = [np.array(n) for n in norms]
    generator = np.random.default_rng(0)
    return [k.tolist() for k in choose(wires, arrays, check_method(method), target, generator)]


def test_parameters_are_counted_from_the_wiring() -> None:
    wires = wiring(9, 9)
    assert wires.parameters([4, 8]) == 9 * 4 + 9 * 4 * 8 + 2 * 8
    assert wires.least() == 9 + 9 + 2


def test_stamp_takes_the_weakest_channel_for_its_layer() -> None:
    wires = wiring(1, 1)
    # 5 of a layer of norm 100 is less than 1 of a layer of norm 2.
    norms = [[100.0, 5.0], [1.0, 1.7]]
    assert chosen(wires, norms, "stamp", wires.parameters([1, 2])) == [[0], [0, 1]]


def test_a_wide_layer_loses_channels_first() -> None:
    wires = wiring(1, 1)
    norms = [[1.0] * 4, [1.0] * 16]
    few, many = chosen(wires, norms, "stamp", wires.parameters([4, 8]))
    assert (len(few), len(many)) == (4, 8)


def test_what_is_left_makes_the_norm() -> None:
    """After the strong channel's company went, the rest of the layer is worth more."""
    wires = wiring(1, 1)
    kept = chosen(wires, [[1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0]], "stamp", wires.parameters([2, 2]))
    assert [len(k) for k in kept] == [2, 2]


def test_random_keeps_to_the_layer_that_stamp_chooses() -> None:
    wires = wiring(1, 1)
    norms = [[1.0, 1.0, 1.0], list(np.linspace(1, 2, 12))]
    by_stamp = chosen(wires, norms, "stamp", wires.parameters([3, 8]))
    at_random = chosen(wires, norms, "random", wires.parameters([3, 8]))
    assert [len(k) for k in at_random] == [len(k) for k in by_stamp] == [3, 8]
    assert by_stamp[1] == list(range(4, 12))
    assert at_random[1] != by_stamp[1]


def test_largest_looks_at_numbers_only() -> None:
    wires = wiring(1, 1)
    norms = [[0.0] * 5, [9.0] * 8]
    assert [len(k) for k in chosen(wires, norms, "largest", wires.parameters([4, 4]))] == [4, 4]


@pytest.mark.parametrize("method", ["stamp", "random", "largest"])
def test_every_layer_keeps_one_channel(method: str) -> None:
    wires = wiring(9, 9, 9)
    kept = chosen(wires, [[1.0] * 4, [0.0] * 4, [1.0] * 2], method, wires.least())
    assert [len(k) for k in kept] == [1, 1, 1]
    with pytest.raises(UserError, match="one channel left in each layer"):
        chosen(wires, [[1.0]] * 3, method, wires.least() - 1)


def test_an_unknown_method_is_one_sentence() -> None:
    with pytest.raises(UserError, match="choose from stamp, random, largest"):
        check_method("magic")
