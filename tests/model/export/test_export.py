"""Exported models, run by other programs, do what ours do."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner

from napari_unet.cli import app
from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.model.export import FORMATS, check_packages, exporting, graphs
from napari_unet.model.export.about import About
from napari_unet.model.export.exporting import export
from napari_unet.model.export.graphs import Graph, WholeModel, to_onnx, to_torchscript
from napari_unet.model.export.sizes import PieceSizes, piece_sizes
from napari_unet.model.header import Header, History, default_classes
from napari_unet.model.model import Model
from napari_unet.networks import registry
from napari_unet.networks.catalogue import BUILT_IN
from napari_unet.networks.spec import NetworkSpec

try:
    check_packages("bioimageio")
except UserError as reason:
    pytest.skip(str(reason), allow_module_level=True)

ABOUT = About("A test", ("A. Person", "B. Person"), "MIT")


def model(dims: int = 2, method: str = "training", channels: int = 1, **arguments: Any) -> Model:
    torch.manual_seed(0)
    arguments = {"width": 2, "depth": 1, "padding": "same", "norm": "batch"} | arguments
    network = registry.build(
        "unet", dims=dims, in_channels=channels, out_channels=3, arguments=arguments
    )
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm2d, nn.BatchNorm3d)):
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2)
    header = Header(
        network="unet",
        arguments=arguments,
        dims=dims,  # type: ignore[arg-type]
        in_channels=channels,
        classes=default_classes(3),
        label_kind="classes",
        axes=("c" if channels > 1 else "") + "zyx"[-dims:],
        normalisation={"method": method, "low": (100.0,) * channels, "high": (4000.0,) * channels},  # type: ignore[arg-type]
    )
    return Model(header, network)


def grey(one: Model, *size: int) -> np.ndarray:
    shape = (one.header.in_channels, *size)
    return np.random.default_rng(1).integers(0, 5000, shape).astype(np.uint16)


def untiled(one: Model, image: np.ndarray) -> np.ndarray:
    """The network on exactly these pixels, by hand."""
    low, high = 100.0, 4000.0
    if one.header.normalisation.method == "image":
        axes = tuple(range(1, image.ndim))
        low, high = (np.percentile(image, p, axes, keepdims=True) for p in (1, 99))
    x = ((image - low) / (high - low) * 2 - 1).astype(np.float32)
    with torch.no_grad():
        return one.network(torch.from_numpy(x)[None]).softmax(1).numpy()


def test_onnx_takes_grey_values_of_any_size(tmp_path: Path) -> None:
    import onnx
    import onnxruntime

    one = model()
    before = {key: tensor.clone() for key, tensor in one.network.state_dict().items()}
    done = export(one, "onnx", tmp_path / "m.onnx", ABOUT)
    for key, tensor in one.network.state_dict().items():  # the model stays as it is
        assert torch.equal(tensor, before[key])
        assert tensor.stride() == before[key].stride()
    assert done.takes == "an input of 22 + k * 2 pixels a side"
    session = onnxruntime.InferenceSession(done.path, providers=["CPUExecutionProvider"])
    for size in ((22, 22), (24, 60)):
        image = grey(one, *size)
        batch = np.stack([image] * 3).astype(np.float32)
        (found,) = session.run(["probability"], {"input": batch})
        assert found.shape == (3, 3, *size)
        np.testing.assert_allclose(found[1:2], untiled(one, image), atol=1e-5)
    told = {p.key: p.value for p in onnx.load(done.path).metadata_props}
    assert told["license"] == "MIT"
    assert json.loads(told["authors"]) == ["A. Person", "B. Person"]
    assert json.loads(told["classes"]) == ["background", "class 1", "class 2"]
    assert json.loads(told["halo"]) == [10, 10]


def test_onnx_says_how_to_normalise_where_it_cannot(tmp_path: Path) -> None:
    import onnx
    import onnxruntime

    one = model(method="image", padding="valid")
    done = export(one, "onnx", tmp_path / "m.onnx", ABOUT)
    told = {p.key: p.value for p in onnx.load(done.path).metadata_props}
    assert "percentiles 1 and 99" in told["input"]
    assert json.loads(told["normalisation"])["inside"] is False
    image = grey(one, 30, 32)
    low, high = np.percentile(image, (1, 99))
    x = ((image - low) / (high - low) * 2 - 1).astype(np.float32)[None]
    session = onnxruntime.InferenceSession(done.path, providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(None, {"input": x})[0], untiled(one, image), atol=1e-5)


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
@pytest.mark.parametrize(
    ("dims", "method", "channels", "padding"),
    [(2, "training", 2, "valid"), (3, "image", 1, "same")],
)
def test_package_of_the_model_zoo(
    dims: int, method: str, channels: int, padding: str, tmp_path: Path
) -> None:
    """Read and checked by the model zoo's own library, run by hand as its description says."""
    import onnxruntime
    import yaml

    one = model(dims, method, channels, padding=padding)
    done = export(one, "bioimageio", tmp_path / "m.zip", ABOUT)
    with zipfile.ZipFile(done.path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    told = yaml.safe_load(files["rdf.yaml"])
    assert told["license"] == "MIT"
    assert [a["name"] for a in told["authors"]] == ["A. Person", "B. Person"]
    assert told["weights"].keys() == {"torchscript", "onnx"}
    before = np.load(io.BytesIO(files["test_input.npy"]))
    after = np.load(io.BytesIO(files["test_output.npy"]))
    np.testing.assert_allclose(after, untiled(one, before[0]), atol=1e-4)
    x = before
    for step in told["inputs"][0]["preprocessing"]:
        arguments = step["kwargs"]
        if step["id"] == "scale_range":
            low, high = (
                np.percentile(x, arguments[f"{end}_percentile"], tuple(range(2, x.ndim)))
                for end in ("min", "max")
            )
            x = (x - low) / (high - low)
        elif step["id"] == "scale_linear":
            x = x * arguments["gain"] + arguments["offset"]
        else:
            shape = (-1,) + (1,) * dims
            x = (x - np.reshape(arguments["mean"], shape)) / np.reshape(arguments["std"], shape)
    x = x.astype(np.float32)
    script = torch.jit.load(io.BytesIO(files["weights.pt"]))
    with torch.no_grad():
        np.testing.assert_allclose(script(torch.from_numpy(x)).numpy(), after, atol=1e-4)
    session = onnxruntime.InferenceSession(files["weights.onnx"])
    np.testing.assert_allclose(session.run(None, {"input": x})[0], after, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("one", "dims"),
    [pytest.param(one, d, id=f"{one.name}-{d}d") for one in BUILT_IN for d in one.dims],
)
def test_every_network_can_be_exported(one: NetworkSpec, dims: int) -> None:
    """That they agree is part of exporting; here only that it is possible."""
    torch.manual_seed(0)
    sizes = piece_sizes(registry.geometry(one.name, one.tiny, dims))
    network = registry.build(one.name, dims=dims, in_channels=1, out_channels=2, arguments=one.tiny)
    whole = WholeModel(network, None, dims)
    assert to_onnx(whole, 1, sizes).sizes == sizes
    assert to_torchscript(whole, 1, sizes).sizes == sizes


@pytest.mark.parametrize("network", ["unet", "multimodal_unet"])
def test_pixels_that_are_no_numbers_and_missing_channels_are_as_with_us(
    network: str, tmp_path: Path
) -> None:
    import onnx
    import onnxruntime

    one = model(channels=2)
    if network == "multimodal_unet":
        arguments = {"width": 2, "depth": 1}
        built = registry.build(network, dims=2, in_channels=2, out_channels=3, arguments=arguments)
        header = one.header.model_copy(update={"network": network, "arguments": arguments})
        one = Model(header, built.eval())
    done = export(one, "onnx", tmp_path / "m.onnx", ABOUT)
    session = onnxruntime.InferenceSession(done.path, providers=["CPUExecutionProvider"])
    spoilt = grey(one, 32, 32).astype(np.float32)
    spoilt[0, 5:9, 5:9] = np.nan
    spoilt[1, 20, 20], spoilt[0, 20, 3] = np.inf, -np.inf
    missing = grey(one, 32, 32).astype(np.float32)
    missing[1] = np.nan
    for image in (spoilt, missing):
        (found,) = session.run(None, {"input": image[None]})
        x = one.normalisation(Image("image", image, "cyx")).apply(image)
        with torch.no_grad():
            expected = one.network(torch.from_numpy(x)[None]).softmax(1).numpy()
        np.testing.assert_allclose(found, expected, atol=1e-4)
    told = {p.key: p.value for p in onnx.load(done.path).metadata_props}
    for said in (told["input"], " ".join(done.notes)):
        assert ("must be filled with NaN" in said) == (network == "multimodal_unet")


def test_a_second_look_stays_at_home_and_that_is_said(tmp_path: Path) -> None:
    once = model()
    header = once.header.model_copy(update={"preset": {"second_look": 0.3}})
    done = export(Model(header, once.network), "onnx", tmp_path / "m.onnx", ABOUT)
    assert "--one-look" in done.notes[-1]
    assert not any("--one-look" in n for n in export(once, "onnx", done.path, ABOUT).notes)


def test_images_are_not_enlarged_elsewhere_and_that_is_said(tmp_path: Path) -> None:
    plain = model()
    changes = {"preset": {"enlarge": 2.0}, "min_object_size": 9, "history": History(steps=99)}
    header = plain.header.model_copy(update=changes)
    done = export(Model(header, plain.network), "onnx", tmp_path / "m.onnx", ABOUT)
    assert "--own-size" in done.notes[-1]
    assert not any("--own-size" in n for n in export(plain, "onnx", done.path, ABOUT).notes)


def test_a_package_may_hold_one_of_the_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any) -> Graph:
        raise UserError("No way.")

    monkeypatch.setattr(exporting, "to_onnx", fail)
    done = export(model(), "bioimageio", tmp_path / "m.zip", ABOUT)
    assert "torchscript" in done.notes[0]
    assert done.notes[1] == "The package holds no onnx: No way."
    with zipfile.ZipFile(done.path) as archive:
        assert "weights.pt" in archive.namelist()
        assert "weights.onnx" not in archive.namelist()
    monkeypatch.setattr(exporting, "to_torchscript", fail)
    with pytest.raises(UserError, match="No way"):
        export(model(), "bioimageio", tmp_path / "n.zip", ABOUT)


class OfOneSize(nn.Module):
    """Cannot be traced or exported for other sizes than 8 x 12."""

    def __init__(self) -> None:
        super().__init__()
        self.position = nn.Parameter(torch.randn(1, 2, 8, 12))
        self.head = nn.Conv2d(1, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(x) + self.position


class Frozen(nn.Module):
    """Its trace remembers a number of pixels."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, -x], 1) * float(x.shape[-1])


def test_networks_for_one_size_are_exported_for_it() -> None:
    free = PieceSizes((4, 4), (4, 4), (0, 0), (0, 0))
    assert free.examples()[0] == (8, 12)
    whole = WholeModel(OfOneSize(), None, 2)
    assert to_onnx(whole, 1, free).sizes.fixed == (8, 12)
    assert to_torchscript(whole, 1, free).sizes.fixed == (8, 12)
    assert to_torchscript(WholeModel(Frozen(), None, 2), 1, free).sizes.fixed == (8, 12)


def test_what_cannot_be_exported_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    class Odd(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise ValueError("no way")

    whole = WholeModel(Odd(), None, 2)
    free = PieceSizes((4, 4), (4, 4), (0, 0), (0, 0))
    with pytest.raises(UserError, match="cannot be exported to TorchScript"):
        to_torchscript(whole, 1, free)
    with pytest.raises(UserError, match="cannot be exported to ONNX"):
        to_onnx(whole, 1, free)
    monkeypatch.setattr(graphs, "LARGEST", 3)
    with pytest.raises(UserError, match="2 GB at most"):
        to_onnx(WholeModel(OfOneSize(), None, 2), 1, free)


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Graphs that are made in no time, and wrong."""

    def make(whole: WholeModel, channels: int, sizes: PieceSizes) -> Graph:
        return Graph(b"", sizes, lambda x: np.full((1, 3, *x.shape[2:]), 0.5, np.float32), "20")

    monkeypatch.setattr(exporting, "to_onnx", make)
    monkeypatch.setattr(exporting, "to_torchscript", make)


@pytest.mark.usefixtures("made_up")
@pytest.mark.parametrize("format", FORMATS)
def test_nothing_is_written_where_it_differs(format: str, tmp_path: Path) -> None:
    path = tmp_path / "there"
    path.write_text("precious")
    with pytest.raises(UserError, match=r"differ by up to 0\..*Nothing was written"):
        export(model(), format, path, ABOUT)
    assert [p.name for p in tmp_path.iterdir()] == ["there"]
    assert path.read_text() == "precious"


@pytest.mark.usefixtures("made_up")
def test_a_package_that_the_zoo_refuses_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"not what the model zoo expects: .*license"):
        export(model(), "bioimageio", tmp_path / "m.zip", About("A test", license="none at all"))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_no_place(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a folder"):
        export(model(), "onnx", tmp_path, ABOUT)


def test_the_command(tmp_path: Path) -> None:
    model().save(tmp_path / "cells.unet")
    out = tmp_path / "cells.zip"
    done = CliRunner().invoke(
        app,
        [
            *("export", str(tmp_path / "cells.unet"), "--format", "bioimageio"),
            *("--out", str(out), "--author", "A. Person", "--cite", "10.1000/xyz"),
        ],
    )
    assert done.exit_code == 0, done.stderr
    assert done.stdout == f"{out}\n"
    assert "torchscript" in done.stderr
    assert "onnx 20: largest difference from this model" in done.stderr
    with zipfile.ZipFile(out) as archive:
        assert b"10.1000/xyz" in archive.read("rdf.yaml")
