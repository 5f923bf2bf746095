"""A package imports only packages above it, and what must stay light is light."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import napari_unet

ROOT = Path(napari_unet.__file__).parent

# The order of docs/architecture.md, from the top; what shares a line may import each other.
ORDER = [
    ["errors", "locks", "processor", "usable_memory", ""],
    ["images"],
    ["annotations"],
    ["evaluation"],
    ["measurements"],
    ["guidance"],
    ["forecast"],
    ["networks"],
    ["start"],
    ["training.events", "training.presets"],
    ["prediction"],
    ["speed"],
    ["training"],
    ["model"],
    ["preflight"],
    ["core"],
    ["pruning"],
    ["project"],
    ["comparison"],
    ["advice"],
    ["samples", "synthetic", "demo", "demo_picture"],
    ["engine"],
    ["plugin"],
    ["cli"],
    ["__main__"],
]
LEVEL = {name: level for level, names in enumerate(ORDER) for name in names}

TORCH_FREE = (
    "errors",
    "locks",
    "processor",
    "usable_memory",
    "images",
    "annotations",
    "evaluation",
    "measurements",
    "guidance",
    "forecast",
    "project",
    "advice.advised",
    "advice.choosing",
    "advice.limits",
    "advice.trial",
    "comparison.canvas",
    "comparison.events",
    "comparison.figures",
    "comparison.folder",
    "comparison.folds",
    "comparison.markdown",
    "comparison.planes",
    "comparison.progress",
    "comparison.records",
    "comparison.report",
    "comparison.request",
    "comparison.store",
    "comparison.summary",
    "comparison.words",
    "preflight",
    "samples",
    "synthetic",
    "demo",
    "demo_picture",
    "networks.registry",
    "networks.geometry",
    "networks.catalogue",
    "start.scenes",
    "start.lessons",
    "networks.monai",
    "training.presets",
    "training.events",
    "model.header",
    "model.file",
    "model.container",
    "model.export.about",
    "model.export.rdf",
    "model.export.sizes",
    "model.export.texts",
    "prediction.blending",
    "prediction.pipeline",
    "prediction.unfinished",
    "pruning.criteria",
    "pruning.curve",
    "pruning.wiring",
    "engine.protocol",
    "engine.client",
    "engine.errand_protocol",
    "engine.errands",
    "cli",
)


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {module_name(path): path for path in ROOT.rglob("*.py")}


def level(module: str) -> int:
    """Level of the longest known beginning of a module's name."""
    parts = module.split(".") if module else [""]
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        if name in LEVEL:
            return LEVEL[name]
    raise AssertionError(f"{module} has no place in docs/architecture.md")


def imports(path: Path, *, at_import: bool = False) -> set[str]:
    """Modules that a file imports: anywhere, or only those it imports when it is imported."""
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if at_import:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                return
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                return
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            module = node.module or ""
            found.add(module)
            found.update(f"{module}.{alias.name}" for alias in node.names)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text("utf-8")))
    return found


@pytest.mark.parametrize("module", sorted(set(MODULES) - {""}))
def test_imports_only_from_above(module: str) -> None:
    for imported in imports(MODULES[module]):
        inner = imported.removeprefix("napari_unet").removeprefix(".")
        if imported.startswith("napari_unet") and inner in MODULES:
            assert level(inner) <= level(module), f"{module} imports {inner}, which is below it"


@pytest.mark.parametrize("module", sorted(MODULES))
def test_only_the_plugin_knows_napari_and_qt(module: str) -> None:
    if module.split(".")[0] == "plugin":
        return
    # The command line opens the window, and loads what it needs for that only then.
    when = imports(MODULES[module], at_import=module.startswith("cli"))
    roots = {imported.split(".")[0] for imported in when}
    assert not roots & {"napari", "qtpy", "superqt", "magicgui", "PyQt6", "PySide6"}


def fresh(code: str) -> str:
    """What a fresh interpreter prints."""
    process = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=os.environ | {"QT_QPA_PLATFORM": "offscreen"},
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


def is_below(module: str, names: tuple[str, ...]) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in names)


def loaded_after(modules: list[str], packages: list[str]) -> dict[str, str]:
    """Which of ``packages`` are first loaded by which of ``modules``, in a fresh interpreter."""
    code = f"""
import importlib, json, sys
blame = {{}}
for module in {modules!r}:
    importlib.import_module(module)
    for package in {packages!r}:
        if package in sys.modules:
            blame.setdefault(package, module)
print(json.dumps(blame))
"""
    blame: dict[str, str] = json.loads(fresh(code).splitlines()[-1])
    return blame


def test_what_must_be_free_of_torch_is() -> None:
    wanted = [f"napari_unet.{m}" for m in sorted(MODULES) if is_below(m, TORCH_FREE)]
    wanted = [m for m in wanted if not m.endswith("__main__")]
    assert len(wanted) > len(TORCH_FREE)
    assert loaded_after(wanted, ["torch", "napari", "qtpy", "PyQt6", "PySide6"]) == {}


def test_the_plugin_is_free_of_torch() -> None:
    plugin = [f"napari_unet.{m}" for m in sorted(MODULES) if is_below(m, ("plugin",))]
    assert loaded_after(plugin, ["torch"]) == {}


def test_the_package_itself_and_the_command_line_are_light() -> None:
    heavy = ["numpy", "scipy", "pydantic", "torch", "napari", "skimage"]
    assert loaded_after(["napari_unet"], heavy) == {}
    assert loaded_after(["napari_unet.cli"], ["numpy", "torch", "napari", "skimage"]) == {}


def test_the_public_names_are_there() -> None:
    names = fresh("import napari_unet as nu; print(*(getattr(nu, n).__name__ for n in nu.__all__))")
    assert names.split() == napari_unet.__all__
