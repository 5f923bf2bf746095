"""Random forest on multiscale features: scikit-image's example of trainable segmentation.

``multiscale_basic_features`` with intensity, edges and texture, sigma 1 to 16, and scikit-learn's
forest of 100 trees, depth 10, 5 % of the pixels a tree. The example itself leaves out the edges and
has 50 trees: the method ``forest-example``, whose options are ``edges`` and ``trees``.
It has no budget: its seconds are those of features and fit of all training images.
"""

from __future__ import annotations

import time
from functools import partial

import numpy as np
from job import open_job
from skimage.feature import multiscale_basic_features
from sklearn.ensemble import RandomForestClassifier


def main() -> None:
    job = open_job()
    job.versions("scikit-image", "scikit-learn", "numpy")
    features = partial(
        multiscale_basic_features,
        intensity=True,
        edges=job.options.get("edges", True),
        texture=True,
        sigma_min=1,
        sigma_max=16,
        workers=job.threads,
    )
    clock = time.perf_counter()
    pixels = np.concatenate([features(i).reshape(i.size, -1) for i in job.images])
    classes = np.concatenate([c.ravel() for c in job.labels])
    forest = RandomForestClassifier(
        n_estimators=job.options.get("trees", 100),
        max_depth=10,
        max_samples=0.05,
        n_jobs=job.threads,
        random_state=job.seed,
    ).fit(pixels, classes)
    seconds = time.perf_counter() - clock

    def predict(image: np.ndarray) -> np.ndarray:
        probability = forest.predict_proba(features(image).reshape(image.size, -1))
        return probability[:, 1].reshape(image.shape)

    job.mark("all", predict, seconds=seconds)


if __name__ == "__main__":
    main()
