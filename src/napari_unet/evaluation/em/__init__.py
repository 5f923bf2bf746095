"""Scores of cells separated by membranes, as in the ISBI 2012 challenge of electron microscopy.

Everywhere: ``probability`` is that of being inside a cell, ``truth`` is non-zero inside a cell.
"""
