"""A package adds a network: the example of docs/own-networks.md, as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import tifffile

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "own-networks.md"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of installed packages that holds the example and its metadata."""
    folder = tmp_path / "site"
    blocks = re.findall(r"^## [^`\n]+: `(\S+)`\n+```\w+\n(.*?)^```", GUIDE.read_text(), re.M | re.S)
    files = dict(blocks)
    assert list(files) == ["my_networks/__init__.py", "my_networks/layers.py", "pyproject.toml"]
    project = tomllib.loads(files.pop("pyproject.toml"))["project"]
    metadata = folder / "my_networks-0.1.dist-info"
    metadata.mkdir(parents=True)
    (folder / "my_networks").mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    ((group, entries),) = project["entry-points"].items()
    lines = [f"[{group}]", *(f"{name} = {value}" for name, value in entries.items())]
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return folder


def fresh(code: str, site: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": path},
    )


COMMANDS = """
from napari_unet.cli import app
for command in (
    "networks dilated",
    "train image.tif mask.tif --out m.unet --network dilated --steps 2 --labels classes "
    "--val none --device cpu --precision float32",
    "predict m.unet image.tif --out whole --output probability --device cpu --precision float32",
    "predict m.unet image.tif --out tiled --output probability --tile 20 --device cpu "
    "--precision float32",
):
    app(command.split(), standalone_mode=False)
"""


def test_the_example_trains_and_predicts(site: Path, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 99, (50, 60)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "image.tif", noise)
    tifffile.imwrite(tmp_path / "mask.tif", (noise > 50).astype(np.uint8))
    done = fresh(COMMANDS, site, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "dilated: Dilated convolutions (arXiv:1511.07122)" in done.stdout
    assert "receptive field    31 x 31 pixels" in done.stdout
    assert "Finished after 2 steps" in done.stderr
    whole, tiled = (
        tifffile.imread(tmp_path / kind / "image.probability.tif") for kind in ("whole", "tiled")
    )
    assert whole.shape == (2, 50, 60)
    np.testing.assert_allclose(tiled, whole, atol=1e-4)


def test_it_is_listed_without_torch_and_a_broken_one_is_left_out(
    site: Path, tmp_path: Path
) -> None:
    code = """
from napari_unet.networks import registry
print(registry.names()[-1], registry.spec("dilated").title, len(registry.facts()))
import sys
print("torch" in sys.modules)
"""
    done = fresh(code, site, tmp_path)
    first, second = done.stdout.splitlines()
    assert first.startswith("dilated Dilated convolutions")
    assert second == "False"
    (site / "my_networks" / "__init__.py").write_text("import nothing_of_this_name")
    broken = fresh("from napari_unet.networks import registry; print(registry.names())", site, site)
    assert broken.returncode == 0
    assert "unet" in broken.stdout
    assert "dilated" not in broken.stdout
    assert "my-networks" in broken.stderr
