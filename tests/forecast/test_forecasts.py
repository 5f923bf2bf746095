"""Forecasts against curves whose future is known."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_unet.forecast.curve import possible_curves
from napari_unet.forecast.forecasts import Forecast, forecast_labels, forecast_time
from napari_unet.forecast.points import HeldOutScore, TrainingRecord, records, stretches


def scores(
    means: np.ndarray, every: float = 20.0, labelled: int = 1000, first: float = 0.0
) -> list[HeldOutScore]:
    return [
        HeldOutScore(n + 1, first + every * (n + 1), (float(m), float(m)), labelled=labelled)
        for n, m in enumerate(means)
    ]


def power_law(x: np.ndarray, a: float, b: float, d: float, c: float) -> np.ndarray:
    return a - b * ((x + c) / (1 + c)) ** -d


@pytest.mark.parametrize(
    ("walk", "noise", "count", "least"),
    [(0, 0.01, 12, 0.85), (0, 0.03, 30, 0.85), (0.03, 0.01, 12, 0.75), (0.03, 0.01, 6, 0.75)],
)
def test_the_interval_covers_what_comes(
    walk: float, noise: float, count: int, least: float
) -> None:
    """Power laws, some that stray from it: a 90 % interval, 40 repetitions each."""
    generator = np.random.default_rng(1)
    hits, ours, staying, runs = 0, 0.0, 0.0, 40
    x = np.linspace(1 / count, 2, 2 * count)
    for _ in range(runs):
        level = power_law(
            x,
            generator.uniform(0.6, 0.95),
            generator.uniform(0.02, 0.3),
            generator.choice([0.3, 0.5, 1, 2]),
            generator.uniform(0, 0.5),
        )
        steps = np.sqrt(np.diff(np.log(x + 0.05), prepend=np.log(x[0] + 0.05)))
        level = level + walk * np.cumsum(generator.standard_normal(len(x)) * steps)
        y = np.clip(level + noise * generator.standard_normal(len(x)), 0, 1)
        found = possible_curves(x[:count], y[:count], np.array([1.0, 2.0])).score[:, 1]
        low, middle, high = np.quantile(found, [0.05, 0.5, 0.95])
        hits += low <= y[-1] <= high
        ours += abs(middle - y[-1])
        staying += abs(y[count - 1] - y[-1])
    assert hits / runs >= least
    assert ours < 0.8 * staying  # better than to say that the score stays


def test_more_time_helps_while_the_curve_rises() -> None:
    x = np.arange(1, 16) / 15
    found = forecast_time(scores(power_law(x, 0.9, 0.15, 0.6, 0.05)))
    assert found.kind == "gain"
    assert found.more == 300
    true = power_law(np.array([2.0]), 0.9, 0.15, 0.6, 0.05)[0] - (0.9 - 0.15)
    assert found.low < true < found.high
    assert found.sentence.startswith("About 5 minutes more would buy +0.0")
    assert found.x[0] == 20
    assert found.x[-1] == 600
    assert (found.lower <= found.upper).all()


def test_a_flat_curve_buys_nothing() -> None:
    noise = 0.004 * np.random.default_rng(0).standard_normal(30)
    found = forecast_time(scores(0.8 + noise))
    assert found.kind == "nothing"
    assert "nothing measurable" in found.sentence
    assert found.sentence.endswith("more labels might.")


def test_a_falling_curve_is_not_praised() -> None:
    falling = np.linspace(0.85, 0.6, 30)
    assert forecast_time(scores(falling)).kind in ("worse", "nothing", "cannot")


def test_it_says_when_it_cannot_say() -> None:
    def sentence(found: Forecast) -> str:
        assert found.kind == "cannot"
        assert found.gain is None or found.high - found.low > 0.25
        return found.sentence

    assert "no score yet" in sentence(forecast_time([]))
    assert "no score yet" in sentence(forecast_time([HeldOutScore(1, 9, (None, None))]))
    assert "Too early to say (3 of 6" in sentence(forecast_time(scores(np.full(3, 0.5))))
    many = scores(np.linspace(0.5, 0.6, 12))
    assert "1 hour more" in sentence(forecast_time(many, more=3600))
    after = scores(np.full(3, 0.7), labelled=2000, first=240)
    assert "labels have changed" in sentence(forecast_time(many + after))
    wild = np.random.default_rng(0).uniform(0.2, 0.9, 12)
    assert "jump too much" in sentence(forecast_time(scores(wild)))


def record(labelled: int, last: float, seconds: float = 60, objects: int = 0) -> TrainingRecord:
    return TrainingRecord(f"a:{labelled}", "unet", labelled, objects, seconds, 9, last, last)


def test_labels() -> None:
    amounts = [1000, 2000, 4000, 8000, 16000]
    rising = [record(n, 0.9 - 0.3 * (n / 1000) ** -0.4, objects=n // 100) for n in amounts]
    found = forecast_labels(rising)
    assert found.kind in ("gain", "maybe")
    assert found.more == 16000
    true = 0.3 * (16**-0.4 - 32**-0.4)
    assert found.low <= true <= found.high
    assert "16,000 more labelled pixels" in found.sentence
    assert "160 more labelled objects" in forecast_labels(rising, "objects").sentence
    flat = [record(n, 0.8 + 0.001 * (n % 3000 == 1000)) for n in amounts]
    assert "nothing measurable" in forecast_labels(flat).sentence
    assert "(3 so far)" in forecast_labels(rising[:3]).sentence
    # Nearly the same labels count once, by the longest training.
    again = [record(1050, 0.7, seconds=90), *rising[:3]]
    assert "(3 so far)" in forecast_labels(again).sentence
    close = [record(n, 0.5) for n in (1000, 1200, 1400, 1700)]
    assert "twice as many" in forecast_labels(close).sentence
    assert "(0 so far)" in forecast_labels(rising[:3] * 0, "objects").sentence
    assert forecast_labels(rising, more=10**6).kind == "cannot"


def test_each_amount_of_labels_is_remembered() -> None:
    before = scores(np.array([0.5, 0.6, 0.7, 0.65]), labelled=1000)
    little = scores(np.array([0.6]), labelled=1500, first=80)
    after = scores(np.array([0.7, 0.8, 0.8]), labelled=3000, first=100)
    assert [len(s) for s in stretches(before + little + after)] == [4, 1, 3]
    first, second = records(before + little + after, "run", "unet")
    assert (first.labelled, first.best, first.id) == (1000, 0.7, "run:1")
    assert first.last == pytest.approx(0.65)
    assert second.labelled == 3000
    assert TrainingRecord.from_json(json.loads(json.dumps(first.to_json()))) == first
    with pytest.raises(TypeError):
        TrainingRecord.from_json(first.to_json() | {"last": 7})


def test_the_score_says_what_it_speaks_for() -> None:
    score = HeldOutScore(5, 9.0, (0.7, 0.9, None), 0.75, 0.85, "piece", 12, 3)
    assert score.short == "Held-out IoU 0.80 (0.75 to 0.85)"
    assert "not for new images" in score.sentence
    assert HeldOutScore.from_json(json.loads(json.dumps(score.to_json()))) == score
    images = HeldOutScore(5, 9.0, (0.8,), 0.75, 0.85, "image", 8, 8)
    assert "8 images: it speaks for images like these" in images.sentence
    planes = HeldOutScore(5, 9.0, (0.8,), 0.75, 0.85, "plane", 7, 1)
    assert "other planes" in planes.sentence
    unsure = HeldOutScore(5, 9.0, (0.8,), reason="3 pieces are needed", units=1)
    assert unsure.sentence.endswith("how sure that is: 3 pieces are needed, there are 1.")
    assert "no score" in HeldOutScore(5, 9.0, (None,)).sentence
