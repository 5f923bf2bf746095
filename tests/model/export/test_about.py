"""What is said of an exported model: citations, names, normalisation, axes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_unet.errors import UserError
from napari_unet.images.normalise import Normalisation
from napari_unet.model.container import write_zip
from napari_unet.model.export import check_format, check_out, check_packages
from napari_unet.model.export.about import UNET_2015, About, citations, default_name
from napari_unet.model.export.rdf import description, preprocess, preprocessing
from napari_unet.model.export.sizes import piece_sizes
from napari_unet.model.export.texts import onnx_metadata, readme
from napari_unet.model.header import Header, default_classes
from napari_unet.networks import registry

SMALL = {"width": 2, "depth": 2}


def header(**overrides: Any) -> Header:
    given: dict[str, Any] = {
        "network": "unet",
        "arguments": SMALL,
        "dims": 2,
        "in_channels": 2,
        "classes": default_classes(3),
        "label_kind": "classes",
        "axes": "cyx",
        "normalisation": {"method": "training", "low": (10.0, 5.0), "high": (200.0, 5.0)},
    }
    return Header(**(given | overrides))


@pytest.mark.parametrize("method", ["training", "image"])
def test_steps_do_what_our_normalisation_does(method: Any) -> None:
    one = header(normalisation={"method": method, "low": (10.0, 2.0), "high": (200.0, 3.0)})
    x = np.random.default_rng(0).uniform(0, 255, (1, 2, 40, 30)).astype(np.float32)
    low, high = one.normalisation.low, one.normalisation.high
    if method == "image":
        low, high = (tuple(np.percentile(x[0], p, (1, 2))) for p in (1, 99))
    expected = Normalisation(method, low, high).apply(x[0])
    np.testing.assert_allclose(preprocess(preprocessing(one), x)[0], expected, atol=1e-5, rtol=1e-5)


def test_a_channel_without_range_becomes_0() -> None:
    x = np.full((1, 2, 3, 3), 77, np.float32)
    assert np.abs(preprocess(preprocessing(header()), x)[0, 1]).max() < 1e-20


def test_axes_of_the_description() -> None:
    one = header(spacing=(0.5, 0.25))
    sizes = piece_sizes(registry.geometry("unet", SMALL))
    files = ("README.md", "test_input.npy", "test_output.npy")
    told = description(one, sizes, About("a name"), {}, dict.fromkeys(files, "0"))
    (before,), (after,) = told["inputs"], told["outputs"]
    assert [a.get("id", a["type"]) for a in before["axes"]] == ["batch", "channel", "y", "x"]
    assert before["axes"][1]["channel_names"] == ["channel0", "channel1"]
    assert after["axes"][1]["channel_names"] == ["background", "class 1", "class 2"]
    assert before["axes"][2] == {
        "type": "space",
        "id": "y",
        "unit": "micrometer",
        "scale": 0.5,
        "size": {"min": 44, "step": 4},
    }
    assert after["axes"][3]["size"] == {"tensor_id": "input", "axis_id": "x", "offset": -40}
    assert "halo" not in after["axes"][3]
    fixed = description(one, sizes.only((44, 48)), About("a name"), {}, dict.fromkeys(files, "0"))
    assert fixed["inputs"][0]["axes"][3]["size"] == 48


@pytest.mark.parametrize(("axes", "dims"), [("xyc", 2), ("cxyz", 3)])
def test_axes_are_those_of_the_network_and_not_of_the_file(axes: str, dims: Any) -> None:
    spacing = (4.0, 1.0, 0.5)[-dims:]
    one = header(axes=axes, dims=dims, spacing=spacing)
    sizes = piece_sizes(registry.geometry("unet", SMALL, dims))
    files = ("README.md", "test_input.npy", "test_output.npy")
    told = description(one, sizes, About("a name"), {}, dict.fromkeys(files, "0"))
    for tensor in (*told["inputs"], *told["outputs"]):
        space = tensor["axes"][2:]
        assert [(a["id"], a["scale"]) for a in space] == list(
            zip("zyx"[-dims:], spacing, strict=True)
        )
    assert onnx_metadata(one, sizes, About("a name"))["axes"] == "bc" + "zyx"[-dims:]


def test_texts_tell_what_must_be_known() -> None:
    sizes = piece_sizes(registry.geometry("unet", SMALL | {"padding": "same"}))
    text = readme(header(), sizes, About("a name"))
    assert "background, class 1, class 2" in text
    assert "Cut off 24 pixels on each side" in text
    assert "## Validation" in text
    assert "Nothing was held out" in text
    told = onnx_metadata(header(), sizes, About("a name"))
    assert told["normalisation"]["inside"] is True
    assert "applied inside" in told["input"]
    image = header(normalisation={"method": "image", "low": (0.0, 0.0), "high": (1.0, 1.0)})
    assert "percentiles 1 and 99" in onnx_metadata(image, sizes, About("a name"))["input"]


def test_citations() -> None:
    assert citations(header(), ()) == [UNET_2015]
    lunet, more = citations(header(network="lunet"), ("10.1/abc",))[1:]
    assert lunet["doi"] == "10.48550/arXiv.2512.03834"
    assert more["doi"] == "10.1/abc"


def test_names() -> None:
    assert default_name("cells.v2") == "cells-v2"
    assert default_name("a") == "a U-Net"
    assert default_name("Größe µ") == "Gr--e -"
    About(default_name("日本"))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": "a"}, "name 'a' will not do"),
        ({"name": "what/ever"}, "name 'what/ever' will not do"),
        ({"authors": ("A/B",)}, "author 'A/B' will not do"),
        ({"authors": (" ",)}, "author ' ' will not do"),
        ({"cite": ("see me",)}, "'see me' is no DOI"),
    ],
)
def test_what_the_model_zoo_would_refuse(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        About(**({"name": "a name"} | wrong))


def test_a_model_is_not_overwritten(tmp_path: Path) -> None:
    model, other = tmp_path / "cells.unet", tmp_path / "cells.onnx"
    write_zip(model, {"model.json": header().to_json().encode()})
    other.write_text("an older export")
    check_out(other)
    check_out(tmp_path / "new.onnx")
    with pytest.raises(UserError, match=r"cells\.unet is a model and would be overwritten"):
        check_out(model)
    with pytest.raises(UserError, match="is a folder"):
        check_out(tmp_path)


def test_formats(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="no format 'keras'; choose one of bioimageio, onnx"):
        check_format("keras")
    monkeypatch.setattr("napari_unet.model.export._is_installed", lambda name: name != "onnxscript")
    with pytest.raises(UserError, match=r"needs onnxscript: .* 'napari-unet-live\[export\]'"):
        check_packages("bioimageio")
