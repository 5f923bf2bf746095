"""Inspectors: docks of their own beside the U-Net dock."""
"""Small docks that show what the network sees and is taught."""
