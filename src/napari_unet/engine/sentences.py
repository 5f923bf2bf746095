"""What is told about a fault: one sentence to the user, the traceback to the log. Free of torch."""

from __future__ import annotations

import sys
import traceback

from napari_unet.errors import UserError


def sentence(error: BaseException) -> str:
    """What to tell the user. A fault that is not the user's is printed to the log, too."""
    if isinstance(error, UserError):
        return str(error)
    traceback.print_exception(error, file=sys.stderr)
    return f"Something went wrong inside the engine ({type(error).__name__}: {error})."


def details(error: BaseException) -> str:
    """The traceback; '' for what the user can put right."""
    return "" if isinstance(error, UserError) else "".join(traceback.format_exception(error))
