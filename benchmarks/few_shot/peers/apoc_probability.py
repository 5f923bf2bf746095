"""APOC: its ProbabilityMapper with the defaults, features ``object_size_1_to_5_px``, on OpenCL.

Images of different sizes are laid end to end, so that one fit sees all of them.

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
    wanted = apoc.PredefinedFeatureSet.object_size_1_to_5_px.value

    def features(image: np.ndarray) -> list[np.ndarray]:
        return [np.asarray(one) for one in apoc.generate_feature_stack(image, wanted)]

    stacks = [features(image) for image in job.images]
    laid = [np.concatenate([f.ravel() for f in one])[None] for one in zip(*stacks, strict=True)]
    # 0 would mean "not annotated".
    classes = np.concatenate([label.ravel() for label in job.labels])[None] + 1
    mapper.train(laid, classes)
    seconds = time.perf_counter() - clock

    def predict(image: np.ndarray) -> np.ndarray:
        return np.asarray(
            mapper.predict(features=apoc.generate_feature_stack(image, wanted)), np.float32
        )

    job.mark("all", predict, seconds=seconds)


if __name__ == "__main__":
    main()
