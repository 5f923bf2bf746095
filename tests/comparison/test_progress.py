"""Where a comparison is, and how long it takes."""

from __future__ import annotations

from napari_unet.comparison.events import Planned, Ran, Training
from napari_unet.comparison.progress import Progress, duration
from napari_unet.comparison.records import RunResult


def step(number: int, seconds: float) -> Training:
    return Training("lunet", number, number, 4, 7, seconds, 0.5)


def ran(number: int) -> Ran:
    return Ran(RunResult(network="lunet", fold=number, arguments={}), number, 4)


def test_seconds_left_come_from_the_budget_then_from_what_was_seen() -> None:
    progress = Progress()
    assert progress.text(0) == "Starting ..."
    progress.take(Planned(("unet", "lunet"), 4, 4, 1, 180.0), 100)
    assert (progress.done, progress.runs) == (1, 4)
    assert progress.seconds_left(100) == 180
    progress.take(step(2, 0.0), 110)  # weight maps took 10 s
    assert progress.seconds_left(130) == 40 + 2 * 60
    assert progress.text(130).startswith("lunet, fold 2 (run 2 of 4): step 7, 0 s; about 3 min")
    progress.take(ran(2), 180)  # 60 s of training, 10 of prediction
    assert progress.seconds_left(180) == 2 * 70
    assert "getting ready" in progress.text(180)
    progress.take(step(3, 5.0), 190)
    progress.take(ran(3), 255)
    progress.take(step(4, 0.0), 260)
    assert progress.seconds_left(300) == 75 - 40


def test_steps_say_nothing_before_the_first_run() -> None:
    progress = Progress()
    progress.take(Planned(("unet",), 4, 4, 0, None), 0)
    progress.take(step(1, 1.0), 10)
    assert progress.seconds_left(11) is None
    assert progress.text(11).endswith("step 7, 1 s")


def test_durations() -> None:
    assert [duration(s) for s in (40, 720, 9000)] == ["about 40 s", "about 12 min", "about 2.5 h"]
