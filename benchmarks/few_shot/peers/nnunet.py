"""nnU-Net 2: its own fingerprint, plans, preprocessing, trainer and predictor, configuration 2d.

The default schedule, 1000 epochs of 250 steps, takes days on a CPU. So every budget gets a training
of its own whose learning rate falls by time as it does by epochs there (poly 0.9), without the
validation after each epoch. Planning and preprocessing are not counted, nor the starting of the
processes that augment, nor the first training step, as with the others. All images are trained on
(fold "all").
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch_alone
from job import Job, label_of, open_job

torch_alone.prepare()

DATASET = "Dataset001_few"


def main() -> None:
    job = open_job()
    job.versions("nnunetv2", "torch", "numpy")
    folders = prepare_folders(job)
    from nnunetv2.experiment_planning.plan_and_preprocess_api import (
        extract_fingerprints,
        plan_experiments,
        preprocess,
    )

    extract_fingerprints([1], num_processes=1, show_progress_bar=False)
    plan_experiments([1])
    preprocess([1], configurations=("2d",), num_processes=(1,), show_progress_bar=False)
    plans = folders["nnUNet_preprocessed"] / DATASET
    for budget in job.budgets:
        torch.manual_seed(job.seed)
        np.random.seed(job.seed)
        train(job, plans, budget)


def prepare_folders(job: Job) -> dict[str, Path]:
    """The data set as nnU-Net wants it, and the variables that it reads."""
    folders = {n: job.folder / n for n in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results")}
    for name, folder in folders.items():
        folder.mkdir()
        os.environ[name] = str(folder)
    # One process for augmentation beside each that computes; more than processors only disturb.
    os.environ.setdefault("nnUNet_n_proc_DA", str(max(1, job.threads // 2)))
    os.environ.setdefault("nnUNet_def_n_proc", "1")
    from imageio.v3 import imwrite

    raw = folders["nnUNet_raw"] / DATASET
    (raw / "imagesTr").mkdir(parents=True)
    (raw / "labelsTr").mkdir()
    for number, (image, label) in enumerate(zip(job.images, job.labels, strict=True)):
        imwrite(raw / "imagesTr" / f"i{number:03d}_0000.png", image)
        imwrite(raw / "labelsTr" / f"i{number:03d}.png", label)
    description = {
        "channel_names": {"0": "grey"},
        "labels": {"background": 0, "inside": 1},
        "numTraining": len(job.images),
        "file_ending": ".png",
    }
    (raw / "dataset.json").write_text(json.dumps(description))
    return folders


def train(job: Job, plans: Path, budget: float) -> None:
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    trainer: Any = nnUNetTrainer(
        json.loads((plans / "nnUNetPlans.json").read_text()) | {"continue_training": False},
        "2d",
        "all",
        json.loads((plans / "dataset.json").read_text()),
        torch.device("cpu"),
    )
    trainer.on_train_start()
    torch.set_num_threads(job.threads)
    next(trainer.dataloader_train)  # the augmenting processes have started
    trainer.network.train()
    trainer.train_step(next(trainer.dataloader_train))
    clock, steps = time.perf_counter(), 1
    while (spent := time.perf_counter() - clock) < budget:
        for group in trainer.optimizer.param_groups:
            group["lr"] = trainer.initial_lr * (1 - spent / budget) ** 0.9
        trainer.train_step(next(trainer.dataloader_train))
        steps += 1
    seconds = time.perf_counter() - clock
    for loader in (trainer.dataloader_train, trainer.dataloader_val):
        if hasattr(loader, "_finish"):
            loader._finish()
    trainer.set_deep_supervision_enabled(False)
    trainer.network.eval()
    predictor = nnUNetPredictor(
        device=torch.device("cpu"), perform_everything_on_device=False, allow_tqdm=False
    )
    predictor.manual_initialization(
        trainer.network,
        trainer.plans_manager,
        trainer.configuration_manager,
        [trainer.network.state_dict()],
        trainer.dataset_json,
        "nnUNetTrainer",
        trainer.inference_allowed_mirroring_axes,
    )

    def predict(image: np.ndarray) -> np.ndarray:
        pixels = image[None, None].astype(np.float32)
        _, probability = predictor.predict_single_npy_array(
            pixels, {"spacing": [999, 1, 1]}, save_or_return_probabilities=True
        )
        return np.asarray(probability)[1, 0]

    job.mark(label_of(budget), predict, seconds=seconds, steps=steps)


if __name__ == "__main__":
    main()
