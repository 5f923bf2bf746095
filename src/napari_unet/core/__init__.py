"""Training and predicting from paths or arrays: what command line, Python and engine share."""

from napari_unet.core.prediction import FileProgress, predict_files
from napari_unet.core.run import Run, TrainingError, prepare, train
from napari_unet.core.seconds import parse_seconds
from napari_unet.core.sources import open_images, open_labelled
from napari_unet.core.training import finish, make_trainer, resume

__all__ = [
    "FileProgress",
    "Run",
    "TrainingError",
    "finish",
    "make_trainer",
    "open_images",
    "open_labelled",
    "parse_seconds",
    "predict_files",
    "prepare",
    "resume",
    "train",
]
