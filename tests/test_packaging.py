"""The manifest reaches wheel, sdist and editable builds, and npe2 accepts it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MANIFEST = (ROOT / "napari.yaml").read_text()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy without the ignored manifest inside the package: as a fresh clone has it."""
    copy = tmp_path_factory.mktemp("build") / "source"
    copy.mkdir()
    files = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split("\n")
    for name in filter(None, files):
        if (ROOT / name).is_file() and not name.startswith(("docs/", "tests/", "benchmarks/")):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, copy / name)
    return copy


def build(source: Path, kind: str) -> Path:
    out = source.parent / kind
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", f"--{kind}", "--outdir", out, source],
        check=True,
        capture_output=True,
    )
    return next(out.iterdir())


def test_wheel_holds_the_manifest_and_the_type_marker(source: Path) -> None:
    with zipfile.ZipFile(build(source, "wheel")) as wheel:
        assert wheel.read("napari_unet/napari.yaml").decode() == MANIFEST
        names = wheel.namelist()
    assert "napari_unet/py.typed" in names
    assert "napari_unet/networks/facts.json" in names
    assert not any(name.startswith(("tests/", "docs/", "benchmarks/")) for name in names)


def test_sdist_holds_the_manifest_twice(source: Path) -> None:
    with tarfile.open(build(source, "sdist")) as sdist:
        inner = [n for n in sdist.getnames() if n.endswith("napari.yaml")]
        assert len(inner) == 2
        for name in inner:
            member = sdist.extractfile(name)
            assert member is not None
            assert member.read().decode() == MANIFEST


def test_editable_install_shows_the_manifest_to_npe2() -> None:
    """The environment of the tests is an editable install: napari finds the plugin by its name."""
    from npe2 import PluginManager

    manager = PluginManager()
    manager.discover()
    manifest = manager.get_manifest("napari-unet-live")
    assert manifest.display_name == "U-Net"
    shown = [w.display_name for w in manifest.contributions.widgets or []]
    assert shown[0] == "U-Net"
    assert all(name.startswith("U-Net: ") for name in shown[1:])
    assert (ROOT / "src/napari_unet/napari.yaml").read_text() == MANIFEST


@pytest.mark.window
def test_every_name_in_the_manifest_imports() -> None:
    from npe2 import PluginManifest

    manifest = PluginManifest.from_file(ROOT / "napari.yaml")
    manifest.validate_imports()
