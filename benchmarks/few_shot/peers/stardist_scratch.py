"""StarDist from scratch, as in its 2D example: 32 rays, grid 2, flips and intensities, percentiles.

The Keras training ends with the time instead of an epoch; the rate only falls where the validation
loss stands still, so that one training serves all budgets. The clock starts when the first step has
compiled the graph. StarDist needs validation images: the last labelled image is kept back, and used
for the two thresholds too, as the example does; neither is counted. It finds the objects itself.
"""

from __future__ import annotations

import contextlib
import time

import numpy as np
from csbdeep.utils import normalize
from job import Job, label_of, open_job
from stardist.models import Config2D, StarDist2D


def main() -> None:
    job = open_job()
    job.versions("stardist", "tensorflow", "tensorflow-cpu", "numpy")
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(job.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.keras.utils.set_random_seed(job.seed)
    train(job, tf)


def train(job: Job, tf: object) -> None:
    images = [normalize(i, 1, 99.8, axis=(0, 1)) for i in job.images]
    labels = [o.astype(np.int32) for o in job.objects]
    side = min(256, *(n // 16 * 16 for image in images for n in image.shape))
    model = StarDist2D(
        Config2D(
            n_rays=32,
            grid=(2, 2),
            n_channel_in=1,
            train_patch_size=(side, side),
            train_tensorboard=False,
        ),
        name="few",
        basedir=str(job.folder),
    )
    clock = Clock(job, model, images, labels)
    held_back = ([images[-1]], [labels[-1]])
    model.prepare_for_training()
    model.callbacks.append(clock.callback(tf))
    model.train(
        images[:-1],
        labels[:-1],
        validation_data=held_back,
        augmenter=augment,
        seed=job.seed,
        epochs=10_000,
        # Its default; the callback ends an epoch early where the time is over.
        steps_per_epoch=100,
    )


def augment(image: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Flips, quarter turns, intensities and noise of the example."""
    turns = np.random.randint(4)
    image, label = np.rot90(image, turns), np.rot90(label, turns)
    for axis in range(2):
        if np.random.rand() > 0.5:
            image, label = np.flip(image, axis), np.flip(label, axis)
    image = image * np.random.uniform(0.6, 2) + np.random.uniform(-0.2, 0.2)
    sigma = 0.02 * np.random.uniform(0, 1)
    return image + sigma * np.random.normal(0, 1, image.shape), label


class Clock:
    """Marks the budgets while Keras trains, without counting the marking."""

    def __init__(
        self, job: Job, model: StarDist2D, images: list[np.ndarray], labels: list[np.ndarray]
    ) -> None:
        self.job, self.model, self.images, self.labels = job, model, images, labels
        self.waiting = list(job.budgets)
        self.paused, self.steps = 0.0, 0
        self.began = 0.0

    def callback(self, tf: object) -> object:
        owner = self

        class Marks(tf.keras.callbacks.Callback):  # type: ignore[name-defined]
            def on_train_batch_end(self, batch: int, logs: object = None) -> None:
                owner.steps += 1
                if owner.steps == 1:  # it compiled the graph: the clock starts now
                    owner.began = time.perf_counter()
                    return
                spent = time.perf_counter() - owner.began - owner.paused
                if owner.waiting and spent >= owner.waiting[0]:
                    reached = [b for b in owner.waiting if b <= spent]
                    owner.waiting = owner.waiting[len(reached) :]
                    owner.mark([label_of(b) for b in reached], spent)
                    owner.paused = time.perf_counter() - owner.began - spent
                if not owner.waiting:
                    self.model.stop_training = True
                    raise KeyboardInterrupt

        return Marks()

    def mark(self, names: list[str], seconds: float) -> None:
        self.model.optimize_thresholds(self.images[-1:], self.labels[-1:], save_to_json=False)
        self.job.mark(
            names,
            lambda image: self.model.predict_instances(normalize(image, 1, 99.8, axis=(0, 1)))[0],
            seconds=seconds,
            steps=self.steps,
            kind="objects",
        )


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):  # the last budget was marked
        main()
