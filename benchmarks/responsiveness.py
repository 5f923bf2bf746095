"""Does the view stutter while the engine trains at full speed?

Opens the real window on a sample, trains on its strokes, and measures how late a 5 ms timer of the
GUI's event loop fires: with the engine idle, while training, each while a script pans the view; and
how many steps the engine makes with the view still. Also the time from the click on Train to the
first preview, how long opening the dock takes, and how long after a stroke, before any training,
the answer to the strokes is on screen: the first one, and the median of five further ones.

    QT_QPA_PLATFORM=xcb xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/responsiveness.py

Results go to benchmarks/results/responsiveness.json unless --out says where. With --all-docks all
inspectors are open, too, each in a window of its own, so that all are visible.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from common import ROOT, about_machine

# Software OpenGL stands in for a graphics card here; unless told otherwise it must not take the
# other processors from the engine, as a card would not.
os.environ.setdefault("LP_NUM_THREADS", "0")


RESULTS = ROOT / "benchmarks" / "results" / "responsiveness.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30, help="length of each part")
    parser.add_argument("--all-docks", action="store_true", help="with every inspector open")
    parser.add_argument("--out", type=Path, help="not with --all-docks, unless given")
    options = parser.parse_args()

    import napari
    from qtpy.QtCore import QEventLoop, QTimer

    from napari_unet.networks import registry
    from napari_unet.plugin.main_dock import UNetDock, session_of
    from napari_unet.samples import coins_layers

    viewer = napari.Viewer(title="U-Net")
    for data, arguments, kind in coins_layers():
        getattr(viewer, f"add_{kind}")(data, **arguments)
    clock = time.perf_counter()
    viewer.window.add_dock_widget(UNetDock(viewer), name="U-Net", area="right")
    opening = time.perf_counter() - clock
    viewer.window._qt_window.resize(1500, 950)
    viewer.fit_to_view()
    session = session_of(viewer)
    inspectors = open_all(viewer) if options.all_docks else []

    def turn(seconds: float, *, until: Any = None) -> float:
        start = time.perf_counter()
        loop, end, look = QEventLoop(), QTimer(), QTimer()
        end.setSingleShot(True)
        end.timeout.connect(loop.quit)
        end.start(int(seconds * 1000))
        if until is not None:
            look.setInterval(10)
            look.timeout.connect(lambda: until() and loop.quit())
            look.start()
        loop.exec()
        return time.perf_counter() - start

    def delays(seconds: float, *, panning: bool) -> dict[str, float]:
        late: list[float] = []
        last = [time.perf_counter()]

        def beat() -> None:
            now = time.perf_counter()
            late.append(max(0.0, now - last[0] - 0.005) * 1000)
            last[0] = now

        def move() -> None:
            angle = time.perf_counter() * 2
            centre = (0.0, 150 + 60 * math.sin(angle), 190 + 60 * math.cos(angle))
            viewer.scene.camera.center = centre

        timer, mover = QTimer(), QTimer()
        timer.setInterval(5)
        timer.timeout.connect(beat)
        mover.setInterval(33)
        mover.timeout.connect(move)
        last[0] = time.perf_counter()
        timer.start()
        if panning:
            mover.start()
        turn(seconds)
        timer.stop()
        mover.stop()
        values = np.array(late)
        return {
            "p50_ms": round(float(np.percentile(values, 50)), 1),
            "p99_ms": round(float(np.percentile(values, 99)), 1),
            "max_ms": round(float(values.max()), 1),
        }

    networks = sum(2 in registry.spec(name).dims for name in registry.names())
    warm = turn(60, until=lambda: session.engine_was_ready)
    # What an idle engine measures once on a machine would count as training otherwise.
    if os.environ.get("NAPARI_UNET_SPEED") != "off":
        turn(120, until=lambda: len(session.figures) == networks)
    turn(2)

    def answer(number: int) -> float:
        """Paint some pixels of the second class; seconds until the answer to them is shown."""
        layer = session.labels[session.current.id].layer
        session.first_answers.shown = False
        clock = time.perf_counter()
        layer.data_setitem((np.full(4, 3 + number), np.arange(3, 7)), 1)
        turn(60, until=lambda: session.first_answers.shown)
        return time.perf_counter() - clock

    answers = [answer(number) for number in range(6)]
    for layer in [one for one in viewer.layers if "prediction" in one.name]:
        viewer.layers.remove(layer)  # the first preview of the training makes another
    turn(2)
    idle = delays(options.seconds, panning=True)
    train = viewer.window._qt_window.findChild(object, "train")
    clock = time.perf_counter()
    train.click()
    turn(60, until=lambda: any("prediction" in layer.name for layer in viewer.layers))
    first = time.perf_counter() - clock
    turn(3)
    steps = session.training.step
    at_rest = delays(options.seconds / 2, panning=False)
    still = (session.training.step - steps) / (options.seconds / 2)
    steps = session.training.step
    clock = time.perf_counter()
    busy = delays(options.seconds, panning=True)
    moved = (session.training.step - steps) / (time.perf_counter() - clock)
    result = {
        "dock_opens_s": round(opening, 2),
        "inspectors": [one.windowTitle() for one in inspectors if one.isVisible()],
        "engine_warm_s": round(warm, 2),
        "stroke_to_first_answer_s": round(answers[0], 2),
        "stroke_to_further_answers_s": round(median(answers[1:]), 2),
        "click_to_first_preview_s": round(first, 2),
        "idle_engine_panning": idle,
        "training_panning": busy,
        "training_view_still": at_rest,
        "steps_per_second_still": round(still, 2),
        "steps_per_second_panning": round(moved, 2),
        "steps_kept": round(moved / still, 2) if still else None,
        "torch_in_gui": "torch" in sys.modules,
    }
    session.close()
    viewer.close()
    text = json.dumps(result | {"machine": about_machine()}, indent=1)
    print(text)
    out = options.out or (None if options.all_docks else RESULTS)
    if out is not None:
        out.write_text(text + "\n", "utf-8")


def open_all(viewer: Any) -> list[Any]:
    """Every widget of the manifest but the main dock."""
    import yaml

    manifest = yaml.safe_load((ROOT / "napari.yaml").read_text("utf-8"))["contributions"]
    kinds = {one["id"]: one["python_name"] for one in manifest["commands"]}
    docks = []
    for number, one in enumerate(manifest["widgets"][1:]):
        module, _, name = kinds[one["command"]].partition(":")
        widget = getattr(import_module(module), name)(viewer)
        dock = viewer.window.add_dock_widget(widget, name=one["display_name"], area="right")
        dock.setFloating(True)
        dock.move(40 + 120 * (number % 4), 40 + 220 * (number // 4))
        docks.append(dock)
    return docks


if __name__ == "__main__":
    main()
