"""The three kinds of labels, and the value that means "not labelled".

scribbles
    0 = not labelled, 1 = background (class 0), 2.. = classes 1..: value - 1 is the class index.
classes
    The value is the class index, 0 = background. 255 = not labelled.
objects
    The value is the id of an object, 0 = background. The network learns two classes from them:
    background and object.
"""

from __future__ import annotations

from typing import Literal, get_args

LabelKind = Literal["scribbles", "classes", "objects"]

KINDS: tuple[LabelKind, ...] = get_args(LabelKind)

#: Value of a class map where nothing was labelled: weight 0 in training, left out of scores.
UNLABELLED = 255

#: Most classes that a model can have, background included. Labels with more different values are
#: nearly always object ids.
MAX_CLASSES = 64
