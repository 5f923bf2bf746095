"""What the tests of all inspectors share."""

from __future__ import annotations

import pytest


@pytest.fixture
def no_popups(monkeypatch: pytest.MonkeyPatch) -> None:
    """napari's own notices fade for seconds, which may be longer than their window lives."""
    for name in ("show_error", "show_warning", "show_info"):
        monkeypatch.setattr(f"napari.utils.notifications.{name}", lambda text: None)
