"""MONAI's BasicUNet, DiceCELoss and Adam 1e-3, on random crops as in MONAI's 2D tutorial.

Eight crops a step, half of them around foreground, intensities scaled to 0..1, quarter turns;
prediction by sliding windows of the crop's size. float32; the rate stays, so that what it has
learned after a budget is what a training of that length gives: one training serves all budgets.
"""

from __future__ import annotations

import time

import numpy as np
import torch
from job import Job, label_of, open_job
from monai.inferers import sliding_window_inference
from monai.losses import DiceCELoss
from monai.networks.nets import BasicUNet
from monai.transforms import (
    Compose,
    RandCropByPosNegLabeld,
    RandRotate90d,
    ScaleIntensity,
    SpatialPadd,
)
from monai.utils import set_determinism

CROP = 96
"""Side of a crop, as in the tutorial."""
CROPS = 8


class Learner:
    """Network, loss and optimiser."""

    def __init__(self) -> None:
        self.network = BasicUNet(spatial_dims=2, in_channels=1, out_channels=2)
        self.loss = DiceCELoss(to_onehot_y=True, softmax=True)
        self.optimiser = torch.optim.Adam(self.network.parameters(), 1e-3)

    def learn(self, images: torch.Tensor, labels: torch.Tensor) -> None:
        self.network.train()
        self.optimiser.zero_grad()
        self.loss(self.network(images), labels).backward()
        self.optimiser.step()

    @torch.no_grad()
    def predict(self, image: np.ndarray, crop: int) -> np.ndarray:
        self.network.eval()
        pixels = torch.as_tensor(ScaleIntensity()(image[None]), dtype=torch.float32)[None]
        logits = sliding_window_inference(pixels, (crop, crop), 4, self.network)
        return torch.softmax(logits, 1)[0, 1].numpy()


def main() -> None:
    job = open_job()
    job.versions("monai", "torch", "numpy")
    torch.set_num_threads(job.threads)
    crop = int(job.options.get("crop", CROP))
    # What a first step costs in a fresh process is paid before the clock starts, as with ours.
    Learner().learn(torch.zeros(CROPS, 1, crop, crop), torch.zeros(CROPS, 1, crop, crop))
    set_determinism(job.seed)
    train(job, crop)


def train(job: Job, crop: int) -> None:
    clock = time.perf_counter()
    scale = ScaleIntensity()
    pairs = [
        {"image": scale(image[None]), "label": label[None].astype(np.float32)}
        for image, label in zip(job.images, job.labels, strict=True)
    ]
    draw = Compose(
        [
            SpatialPadd(keys=["image", "label"], spatial_size=(crop, crop)),
            RandCropByPosNegLabeld(
                keys=["image", "label"],
                label_key="label",
                spatial_size=(crop, crop),
                pos=1,
                neg=1,
                num_samples=max(1, CROPS // len(pairs)),
            ),
            RandRotate90d(keys=["image", "label"], prob=0.5, spatial_axes=(0, 1)),
        ]
    )
    learner = Learner()
    order = np.random.default_rng(job.seed)
    paused, steps = 0.0, 0
    queue: list[int] = []
    for budget in job.budgets:
        while time.perf_counter() - clock - paused < budget:
            crops: list[dict[str, torch.Tensor]] = []
            while len(crops) < CROPS:
                if not queue:
                    queue = order.permutation(len(pairs)).tolist()
                crops += draw(pairs[queue.pop()])
            learner.learn(
                torch.stack([c["image"] for c in crops]).as_tensor(),
                torch.stack([c["label"] for c in crops]).as_tensor(),
            )
            steps += 1
        now = time.perf_counter()
        job.mark(
            label_of(budget),
            lambda image: learner.predict(image, crop),
            seconds=now - clock - paused,
            steps=steps,
        )
        paused += time.perf_counter() - now


if __name__ == "__main__":
    main()
