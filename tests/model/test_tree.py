"""Nested states keep their types, number keys and tuples on the way through JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unet.model.tree import flatten, unflatten

leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
trees = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.integers() | st.text(), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(trees)
@settings(max_examples=50, deadline=None)
def test_round_trip(tree: Any) -> None:
    text, tensors = flatten(tree)
    assert not tensors
    back = unflatten(json.loads(json.dumps(text)), tensors)
    assert back == tree
    assert type(back) is type(tree)


def test_tensors_and_arrays() -> None:
    tree = {
        "optimiser": {0: {"step": torch.tensor(3.0), "mean": torch.ones(2, 3)}},
        "random": (np.arange(4, dtype=np.uint32), np.int64(5)),
    }
    text, tensors = flatten(tree)
    back = unflatten(json.loads(json.dumps(text)), tensors)
    assert torch.equal(back["optimiser"][0]["mean"], torch.ones(2, 3))
    np.testing.assert_array_equal(back["random"][0], np.arange(4, dtype=np.uint32))
    assert back["random"][1] == 5


def test_other_objects_are_refused() -> None:
    with pytest.raises(TypeError, match="cannot hold a object"):
        flatten({"x": object()})


@pytest.mark.parametrize("json_part", [{"evil": 1}, {"tensor": "9"}, {}, {"dict": [[[], 1]]}])
def test_damage_raises_one_of_the_named_errors(json_part: Any) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        unflatten(json_part, {})
