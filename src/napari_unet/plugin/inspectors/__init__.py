"""Inspectors: docks of their own beside the U-Net dock."""
