"""Cellpose 3 from scratch: train_seg with its defaults, for as many epochs as the time allows.

How long an epoch takes is measured before; every budget gets a training of its own, because the
schedule depends on the number of epochs. An epoch is 8 images (one batch), and images with few
objects count too. Flows of the labels are computed before the clock starts.
It finds the objects itself, at the mean diameter of the training objects.
"""

from __future__ import annotations

import time

import numpy as np
import torch
import torch_alone
from job import Job, label_of, open_job

torch_alone.prepare()

from cellpose import dynamics, models, train  # noqa: E402

BATCH = 8


def main() -> None:
    job = open_job()
    job.versions("cellpose", "torch", "numpy")
    torch.set_num_threads(job.threads)
    # A list of (4, y, x) is taken for labels with their flows.
    flows = dynamics.labels_to_flows(
        [o.astype(np.int32) for o in job.objects], device=torch.device("cpu")
    )
    train_model(job, flows, 1)  # what a first step costs is not counted
    clock = time.perf_counter()
    train_model(job, flows, 2)
    epoch = (time.perf_counter() - clock) / 2
    for budget in job.budgets:
        epochs = max(1, round(budget / epoch))
        clock = time.perf_counter()
        model = train_model(job, flows, epochs)
        seconds = time.perf_counter() - clock
        job.mark(
            label_of(budget),
            lambda image, model=model: model.eval(image, channels=[0, 0], diameter=None)[0],
            seconds=seconds,
            steps=epochs,
            kind="objects",
        )


def train_model(job: Job, flows: list[np.ndarray], epochs: int) -> models.CellposeModel:
    torch.manual_seed(job.seed)
    model = models.CellposeModel(gpu=False, pretrained_model=False, model_type=None)
    train.train_seg(
        model.net,
        train_data=list(job.images),
        train_labels=flows,
        channels=[0, 0],
        batch_size=BATCH,
        n_epochs=epochs,
        nimg_per_epoch=max(BATCH, len(job.images)),
        min_train_masks=1,
        save_path=job.folder,
    )
    model.diam_labels = model.net.diam_labels.item()
    return model


if __name__ == "__main__":
    main()
