"""What a model says about itself, and what is said about a header that does not fit."""

from __future__ import annotations

import json
from typing import Any

import pytest

from napari_unet.errors import UserError
from napari_unet.model.header import (
    SCHEMA_VERSION,
    Header,
    NormalisationConstants,
    default_classes,
    parse_header,
)


def make(**changes: Any) -> Header:
    fields: dict[str, Any] = {
        "network": "unet",
        "arguments": {"width": 4, "depth": 2},
        "dims": 2,
        "in_channels": 1,
        "classes": default_classes(2),
        "label_kind": "classes",
        "axes": "yx",
        "normalisation": NormalisationConstants(method="training", low=(0.0,), high=(255.0,)),
    }
    return Header(**(fields | changes))


def document(**changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(make().to_json())
    return fields | changes


def refused(fields: Any) -> str:
    with pytest.raises(UserError) as caught:
        parse_header(json.dumps(fields))
    return str(caught.value)


def test_round_trip() -> None:
    header = make(spacing=(0.5, 0.25), preset={"lr": 3e-3, "tile": [192, 192]}, min_object_size=7)
    assert parse_header(header.to_json()) == header


def test_missing_field_is_named() -> None:
    fields = document()
    del fields["classes"][0]["name"]
    assert refused(fields) == "model.json: classes.0.name is missing."


def test_unknown_field_is_named() -> None:
    assert "surprise is not a field" in refused(document(surprise=1))


def test_newer_version_says_update_before_anything_else() -> None:
    message = refused({"schema_version": SCHEMA_VERSION + 1, "new_field": 1})
    assert "newer version" in message
    assert "update" in message


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"dims": 4}, "dims"),
        ({"in_channels": 0}, "in_channels"),
        ({"axes": "yxq"}, "axes"),
        ({"axes": "yyx"}, "axes"),
        ({"axes": "zy"}, "axes"),
        ({"axes": "yx", "dims": 3}, "axes"),
        ({"axes": "yx", "in_channels": 3}, "axes"),
        ({"classes": []}, "classes"),
        ({"classes": [{"name": "a", "color": "red"}] * 2}, "classes.0.color"),
        ({"spacing": [1.0]}, "spacing"),
        ({"spacing": [1.0, -1.0]}, "spacing"),
        ({"normalisation": {"method": "training", "low": [0], "high": [1, 2]}}, "normalisation"),
        ({"normalisation": {"method": "magic", "low": [0], "high": [1]}}, "normalisation.method"),
        ({"label_kind": "dots"}, "label_kind"),
        ({"history": {"steps": -1}}, "history.steps"),
        ({"schema_version": "two"}, "schema_version"),
    ],
)
def test_what_does_not_fit_is_named(changes: dict[str, Any], field: str) -> None:
    message = refused(document(**changes))
    assert message.startswith(f"model.json: {field}")
    assert message.endswith(".")
    assert "\n" not in message


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", '"text"', "nan", "[" * 100_000])
def test_not_json(text: str) -> None:
    with pytest.raises(UserError, match="damaged"):
        parse_header(text)


def test_not_a_number_is_refused() -> None:
    text = make().to_json().replace("255.0", "NaN")
    with pytest.raises(UserError, match=r"normalisation\.high"):
        parse_header(text)


def test_default_classes_have_names_and_colours_of_their_own() -> None:
    classes = default_classes(8)
    assert classes[0].name == "background"
    assert len({c.name for c in classes}) == len({c.color for c in classes}) == 8
    assert len(default_classes(20)) == 20
