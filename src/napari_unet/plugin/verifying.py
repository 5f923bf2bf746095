"""The parity certificate of the dock's model, on the plane that is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_unet.engine.protocol import Verify
from napari_unet.errors import UserError
from napari_unet.evaluation.parity import number, summary
from napari_unet.plugin.predicting import tile_size
from napari_unet.plugin.training_control import needs_model, start_job
from napari_unet.plugin.visible import current_index

if TYPE_CHECKING:
    from napari_unet.plugin.session import Session

WHAT = "Verifying"
"""By this the job is known."""


def verify(session: Session) -> str:
    """Have the certificate made; the session's ``certificate`` is set when it is there.

    Raises UserError without a model or an image.
    """
    needs_model(session)
    entry = session.current
    if entry is None:
        raise UserError("Open an image first: the certificate is about what a model makes of it.")
    return start_job(
        session,
        WHAT,
        Verify,
        cancellable=True,
        needs=entry,
        image=entry.id,
        index=current_index(session.viewer, entry),
        tile=tile_size(entry),
    )


def finish(session: Session, result: dict[str, Any]) -> None:
    """The certificate is there."""
    session.certificate = result
    session.tell("info" if result["passed"] else "error", summary(result))


def rows(certificate: dict[str, Any] | None) -> list[tuple[str, str, str]]:
    """Check, greatest difference, verdict."""
    checks = certificate["checks"] if certificate is not None else []
    return [
        (
            check["name"],
            number(check["difference"]),
            "-" if check["limit"] is None else "ok" if check["passed"] else "FAILED",
        )
        for check in checks
    ]


def tips(certificate: dict[str, Any] | None) -> list[str]:
    """For each check what was allowed, how many pixels changed, what else there is to say."""
    made = []
    for check in certificate["checks"] if certificate is not None else []:
        allowed = "for information" if check["limit"] is None else f"allowed {check['limit']:g}"
        parts = [allowed, f"{check['pixels']} pixels of another class", check["note"]]
        made.append(f"{check['name']}: {'; '.join(part for part in parts if part)}")
    return made
