"""What the command line says: results on stdout, all else on stderr; one sentence for a fault."""

from __future__ import annotations

import functools
import math
import os
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, ParamSpec, TextIO, TypeVar

import typer

import napari_unet
from napari_unet.errors import UserError

P = ParamSpec("P")
R = TypeVar("R")

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells count it: 128 + SIGINT."""
PACKAGE = Path(napari_unet.__file__).parent


def result(text: str) -> None:
    """One line of what was asked for.

    :class:`UserError` where it cannot be taken, as by a file on a disk that is full.
    """
    try:
        typer.echo(text)
    except BrokenPipeError:  # nobody wants more of it
        raise
    except OSError as error:
        raise UserError(f"Standard output cannot be written: {error.strerror}.") from error


def check_folder(folder: Path, option: str = "--out") -> None:
    """:class:`UserError` where a folder for results cannot be made since a file is in its place."""
    there = next((p for p in (folder, *folder.parents) if p.exists()), None)
    if there is not None and not there.is_dir():
        raise UserError(f"{there} is a file: give {option} a folder.")


def note(text: str) -> None:
    """One line of what else there is to say."""
    typer.echo(text, err=True)


def gathered(notes: Iterable[str]) -> list[str]:
    """Notes ``name: text``; those that say the same of several names become one."""
    names: dict[str, list[str]] = {}
    for one in notes:
        name, colon, text = one.partition(": ")
        names.setdefault(text if colon else one, []).append(name if colon else "")
    lines = []
    for text, of in names.items():
        more = f" and {len(of) - 1} more" if len(of) > 1 else ""
        lines.append(f"{of[0]}{more}: {text}" if of[0] else text)
    return lines


def refuse_others(context: typer.Context, *names: str) -> None:
    """A usage error when the user typed any other parameter of the command than ``names``."""
    for one in context.command.params:
        source = context.get_parameter_source(one.name or "")
        if source is not None and source.name == "COMMANDLINE" and one.name not in names:
            fail(f"{one.opts[0]} needs IMAGES and LABELS too.", code=2)


def fail(sentence: str, code: int = 1) -> NoReturn:
    note(f"Error: {sentence}")
    raise typer.Exit(code)


@contextmanager
def plain_warnings() -> Iterator[None]:
    """What our own code warns of is one line on stderr meanwhile; other warnings look as usual."""
    with warnings.catch_warnings():
        usual = warnings.showwarning

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            own = category is UserWarning and Path(filename).is_relative_to(PACKAGE)
            if own and "Triggered internally" not in str(message):  # as torch's C++ code says
                note(f"Note: {message}")
            else:
                usual(message, category, filename, lineno, file, line)

        warnings.showwarning = show
        yield


def guarded(command: Callable[P, R]) -> Callable[P, R]:
    """A command whose faults become one sentence and an exit code instead of a traceback."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            with plain_warnings():
                return command(*args, **kwargs)
        except (typer.Exit, typer.Abort, BrokenPipeError):
            raise
        except UserError as error:
            details = getattr(error, "details", "")
            fail(f"{error} Details are in {write_log(details)}." if details else str(error))
        except KeyboardInterrupt:
            note("Interrupted.")
            raise typer.Exit(INTERRUPTED) from None
        except Exception as error:
            if _memory_ran_out(error):
                fail(
                    "The memory of this machine does not do for that: close other programs, or "
                    "choose smaller images, a smaller tile or a smaller network."
                )
            reason = " ".join(str(error).split())[:300]
            log = write_log(traceback.format_exc())
            fail(
                f"Something went wrong that should not ({type(error).__name__}: {reason}). "
                f"Details are in {log}; please report them."
            )

    return run


def _memory_ran_out(error: Exception) -> bool:
    if "torch" not in sys.modules:  # not imported for that alone
        return isinstance(error, MemoryError)
    from napari_unet.prediction.device import is_out_of_memory

    return is_out_of_memory(error)


def write_log(details: str) -> Path:
    """Keep a traceback in a file of its own, in the user's log folder or else a temporary one."""
    import platformdirs

    name = f"command-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
    text = f"{' '.join(sys.argv)}\n{details}"
    try:
        folder = Path(platformdirs.user_log_dir("napari-unet-live", appauthor=False))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
        return folder / name
    except OSError:
        handle, path = tempfile.mkstemp(prefix="napari-unet-", suffix=".log", text=True)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        return Path(path)


class ProgressLine:
    """One line on stderr that is written over again; in a file, a first one and then every 10 s."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._every = 0.1 if self._terminal else 10.0
        self._last = -math.inf
        self._width = 0

    def show(self, text: str, *, always: bool = False) -> None:
        """Show ``text`` unless the last one is too recent."""
        now = time.monotonic()
        if not always and now - self._last < self._every:
            return
        self._last = now
        if self._terminal:
            sys.stderr.write("\r" + text.ljust(self._width))
            sys.stderr.flush()
            self._width = len(text)
        else:
            note(text)

    def note(self, text: str) -> None:
        """A line that stays."""
        self.end()
        note(text)

    def end(self) -> None:
        """Leave the last line where it is and go to the next."""
        if self._terminal and self._width:
            sys.stderr.write("\n")
            self._width = 0
