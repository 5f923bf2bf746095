"""The parity certificate: that the same model gives the same picture, whichever way it is asked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

LIMITS = {"float32": 1e-4, "fp16": 0.02, "bf16": 0.1}
"""Greatest allowed difference of two probabilities by precision. The order of sums depends on tile,
device and threads, so that rounding differs; in float32 much less than this."""


@dataclass(frozen=True)
class Check:
    """Two ways to one probability.

    Attributes
    ----------
    difference
        Greatest absolute difference of two probabilities; None where one is no number.
    pixels
        How many pixels got another class.
    limit
        What ``difference`` may be; None = nothing is demanded, the number is for information.
    """

    name: str
    difference: float | None
    pixels: int
    limit: float | None
    note: str = ""

    @property
    def passed(self) -> bool:
        if self.limit is None:
            return True
        return self.difference is not None and self.difference <= self.limit

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "name": self.name,
            "difference": self.difference,
            "pixels": self.pixels,
            "limit": self.limit,
            "passed": self.passed,
            "note": self.note,
        }


def compare(
    name: str,
    one: npt.NDArray[np.float32],
    other: npt.NDArray[np.float32],
    limit: float | None,
    note: str = "",
) -> Check:
    """The check of two probabilities (class, \\*leading, \\*spatial); other sizes fail it."""
    if one.shape != other.shape:
        return Check(name, None, 0, limit, f"the sizes differ: {one.shape} and {other.shape}")
    difference = float(np.max(np.abs(one - other)))
    pixels = int(np.count_nonzero(one.argmax(0) != other.argmax(0)))
    known = difference if math.isfinite(difference) else None
    return Check(name, known, pixels, limit, note)


def certificate(checks: Sequence[Check], **about: Any) -> dict[str, Any]:
    """All checks and what they hold for, as JSON."""
    return {
        "passed": all(check.passed for check in checks),
        **about,
        "checks": [check.as_dict() for check in checks],
    }


def format_certificate(found: dict[str, Any]) -> str:
    """The certificate as text: what it holds for, then a line for each check."""
    about = [(k, v) for k, v in found.items() if k not in ("checks", "passed")]
    lines = [f"{key.replace('_', ' '):<14}{_text(value)}" for key, value in about]
    rows = [("", "greatest difference", "other class", "allowed", "")]
    for check in found["checks"]:
        verdict = "ok" if check["passed"] else "FAILED"
        if check["limit"] is None:
            verdict = "for information"
        rows.append(
            (
                check["name"],
                number(check["difference"]),
                f"{check['pixels']} px",
                number(check["limit"]) if check["limit"] is not None else "-",
                verdict + (f" ({check['note']})" if check["note"] else ""),
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *middle, last in rows:
        cells = [c.rjust(w) for c, w in zip(middle, widths[1:-1], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *cells, last]).rstrip())
    lines.append(summary(found))
    return "\n".join(lines)


def summary(found: dict[str, Any]) -> str:
    """One sentence."""
    failed = [check["name"] for check in found["checks"] if not check["passed"]]
    if failed:
        return f"{len(failed)} of {len(found['checks'])} checks failed: {'; '.join(failed)}."
    demanded = [c["difference"] for c in found["checks"] if c["limit"] is not None]
    return (
        f"All {len(demanded)} checks passed; the greatest difference of two probabilities is "
        f"{number(max(demanded, default=0.0))}."
    )


def number(value: float | None) -> str:
    """Two digits, so that 0 is seen to be 0 exactly."""
    if value is None:
        return "no number"
    return "0" if value == 0 else f"{value:.1e}"


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return " x ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{k} {v}" for k, v in value.items())
    return str(value)
