"""The napari side: state without widgets, and widgets that show it. Qt is known only here."""
