"""convpaint with its Gaussian features, which need no weights from the network, and CatBoost.

It has no budget: its seconds are those of features and fit of all training images.
"""

from __future__ import annotations

import time

import numpy as np
import torch
import torch_alone
from job import open_job

torch_alone.prepare()

from napari_convpaint.convpaint_model import ConvpaintModel  # noqa: E402


def main() -> None:
    job = open_job()
    job.versions("napari-convpaint", "catboost", "torch", "numpy")
    torch.set_num_threads(job.threads)
    model = ConvpaintModel("gaussian")
    clock = time.perf_counter()
    # 0 would mean "not annotated".
    model.train(list(job.images), [label.astype(np.uint8) + 1 for label in job.labels])
    seconds = time.perf_counter() - clock

    def predict(image: np.ndarray) -> np.ndarray:
        return np.asarray(model.predict_probas(image))[1]

    job.mark("all", predict, seconds=seconds)


if __name__ == "__main__":
    main()
