"""Channels taken out of a trained network for good, with a little training in between."""
