"""APOC: its ProbabilityMapper with the defaults, features ``medium_quick``, on OpenCL.

It has no budget: its seconds are those of features and fit of all training images.
"""

from __future__ import annotations

import time

import numpy as np
from job import open_job


def main() -> None:
    job = open_job()
    job.versions("apoc", "pyclesperanto-prototype", "pyopencl", "numpy")
    import apoc

    file = str(job.folder / "mapper.cl")
    clock = time.perf_counter()
    mapper = apoc.ProbabilityMapper(opencl_filename=file, output_probability_of_class=2)
    features = apoc.PredefinedFeatureSet.medium_quick.value
    for number, (image, label) in enumerate(zip(job.images, job.labels, strict=True)):
        # 0 would mean "not annotated".
        mapper.train(features, label.astype(np.uint8) + 1, image, continue_training=number > 0)
    seconds = time.perf_counter() - clock

    def predict(image: np.ndarray) -> np.ndarray:
        return np.asarray(mapper.predict(image=image), np.float32)

    job.mark("all", predict, seconds=seconds)


if __name__ == "__main__":
    main()
