"""The one exception that is meant for the person at the screen."""

from __future__ import annotations


class UserError(ValueError):
    """Something the user can put right.

    The message is one or two plain sentences: what happened and what to do. The command line prints
    it and exits with a non-zero code, the dock shows it; neither shows a traceback for it.
    """
