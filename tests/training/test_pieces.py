"""Batches of the size that memory allows, with the weights of the labels of this moment."""

from __future__ import annotations

import torch
from small_training import labelled, make_trainer, recipe

from napari_unet.training.first_answer import undeformed


def drawn(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_batch_has_the_pieces_and_pixels_that_it_says() -> None:
    pieces = make_trainer(preset=recipe(batch=3, tile=64)).pieces
    batch = pieces.draw(recipe(), drawn())
    assert batch.classes.shape == batch.weights.shape == (3, *pieces.tile)
    again = pieces.draw(recipe(), drawn())
    assert torch.equal(batch.images, again.images)


def test_half_the_batch_then_half_the_tile_until_nothing_is_left_to_halve() -> None:
    pieces = make_trainer(preset=recipe(batch=2, tile=64)).pieces
    seen = [(pieces.batch, pieces.tile)]
    while pieces.shrink():
        seen.append((pieces.batch, pieces.tile))
    assert seen == [(2, (64, 64)), (1, (64, 64)), (1, (32, 32))]
    assert pieces.draw(recipe(), drawn()).classes.shape == (1, 32, 32)


def test_classes_weigh_as_the_labels_say_when_they_are_weighed() -> None:
    trainer = make_trainer(labelled(2))
    pieces, before = trainer.pieces, trainer.pieces.balance.clone()
    trainer.data.remove(next(iter(trainer.data.planes))[0])
    assert torch.equal(pieces.balance, before)
    pieces.weigh(2)
    expected = trainer.data.balance(2, trainer.preset.balance)
    assert torch.equal(pieces.balance, torch.from_numpy(expected))


def test_what_the_last_layer_is_fitted_to_is_the_images_as_they_are() -> None:
    pieces = make_trainer().pieces
    fit = pieces.to_fit(drawn(3), 2)
    usual = pieces.draw(undeformed(recipe()), drawn(3))
    assert torch.equal(fit[0].images, usual.images)
