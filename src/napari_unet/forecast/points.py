"""What is known of a score and of a training, as plain values that go through JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

CHANGED = 0.1
"""Labels that grew or shrank by this part are other labels."""
FEWEST = 3
"""Scores with about the same labels that say what these labels are worth."""


@dataclass(frozen=True)
class HeldOutScore:
    """A score on what is held out, after ``seconds`` of training on ``labelled`` pixels.

    ``iou`` by class (None = absent); ``low`` to ``high`` of their mean with 95 %, by ``units`` of
    kind ``unit`` in ``images`` images, or None for ``reason``.
    """

    step: int
    seconds: float
    iou: tuple[float | None, ...]
    low: float | None = None
    high: float | None = None
    unit: str = "piece"
    units: int = 0
    images: int = 0
    reason: str = ""
    pixels: int = 0
    labelled: int = 0
    objects: int = 0

    @property
    def mean(self) -> float | None:
        """Mean over the classes that are present."""
        known = [v for v in self.iou if v is not None]
        return sum(known) / len(known) if known else None

    @property
    def short(self) -> str:
        """The score in a few words."""
        if self.mean is None:
            return "No held-out label of any class"
        if self.low is None or self.high is None:
            return f"Held-out IoU {self.mean:.2f}"
        return f"Held-out IoU {self.mean:.2f} ({self.low:.2f} to {self.high:.2f})"

    @property
    def sentence(self) -> str:
        """The score, how sure it is, and what it speaks for."""
        if self.mean is None:
            return "What is held out has no labels: there is no score."
        if self.low is None or self.high is None:
            why = f" {self.reason}, there are {self.units}" if self.reason else ""
            return (
                f"Held-out IoU {self.mean:.2f}. Too little is held out to say how sure that "
                f"is{':' if why else ''}{why}."
            )
        score = f"Held-out IoU {self.mean:.2f}, 95 % interval {self.low:.2f} to {self.high:.2f}"
        if self.unit == "image":
            return f"{score}, from {self.units} images: it speaks for images like these."
        if self.unit == "plane":
            planes = f"{self.units} planes of {_count(self.images, 'image')}"
            return f"{score}, from {planes}: it speaks for other planes of the same."
        where = f"{self.units} pieces of what is held out in {_count(self.images, 'image')}"
        return f"{score}, from {where}: it speaks for places amid your labels, not for new images."

    def to_json(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """The inverse of :meth:`to_json`. Raises TypeError or KeyError."""
        return cls(**(values | {"iou": tuple(values["iou"])}))


@dataclass(frozen=True)
class TrainingRecord:
    """What a training reached with the labels it had.

    ``id`` names the training and the moment from which it had these labels; a later record of the
    same id takes the place of the former. ``best`` is the best score, ``last`` the mean of its last
    three, ``low`` and ``high`` the interval of the last one.
    """

    id: str
    network: str
    labelled: int
    objects: int
    seconds: float
    step: int
    best: float
    last: float
    low: float | None = None
    high: float | None = None

    def to_json(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """The inverse of :meth:`to_json`. Raises TypeError."""
        made = cls(**values)
        if not isinstance(made.id, str) or made.labelled < 0 or not 0 <= made.last <= 1:
            raise TypeError("not a record of a training")
        return made


def stretches(scores: Sequence[HeldOutScore]) -> list[list[HeldOutScore]]:
    """The scores cut where the labels had changed by a tenth since the stretch began."""
    found: list[list[HeldOutScore]] = []
    for score in scores:
        first = found[-1][0].labelled if found else -1
        if found and abs(score.labelled - first) <= CHANGED * max(first, 1):
            found[-1].append(score)
        else:
            found.append([score])
    return found


def records(scores: Sequence[HeldOutScore], run: str, network: str) -> list[TrainingRecord]:
    """What the training ``run`` reached with each amount of labels that it had for a while."""
    found = []
    for stretch in stretches(scores):
        known = [(s, s.mean) for s in stretch if s.mean is not None]
        if len(known) < FEWEST or not stretch[0].labelled:
            continue
        means = [mean for _, mean in known]
        end = known[-1][0]
        found.append(
            TrainingRecord(
                f"{run}:{stretch[0].step}",
                network,
                end.labelled,
                end.objects,
                end.seconds,
                end.step,
                max(means),
                sum(means[-3:]) / len(means[-3:]),
                end.low,
                end.high,
            )
        )
    return found


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")
