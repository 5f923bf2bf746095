"""Opening an inspector from a button, in front of the dock that the button is in."""

from __future__ import annotations

from typing import Any


def open_inspector(viewer: Any, kind: type, name: str) -> Any:
    """The inspector of this class in the viewer's window, made if there is none."""
    docks = viewer.window.dock_widgets
    shown: Any = next((one for one in docks.values() if isinstance(one, kind)), None)
    if shown is None:
        shown = kind(viewer)
        viewer.window.add_dock_widget(shown, name=name, area="right", tabify=True)
    frame = shown.parentWidget()
    if frame is not None:
        frame.show()
        frame.raise_()
    return shown
