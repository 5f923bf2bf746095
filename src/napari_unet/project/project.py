"""A project folder: images, labels with their journal of strokes, classes, model, curves.

Free of torch, Qt and napari. The public interface::

    Project.create(folder) | Project.create_untitled() | Project.open(folder)      -> Project
    unfinished() -> list[Path]          untitled projects of dead processes: open or discard(path) them
    .folder .untitled .images .labels_records .settings .model_path .has_model
    .add_image(name, path=None, array=None, axes=, dims=2, spacing=None, view={}, id=None) -> ImageRecord
    .update_image(id, **fields) .remove_image(id) .locate_image(id, path) .open_image(id) -> Image
    .add_labels(image_id, kind, shape=, dtype=, name=, classes=(), complete=False, array=None, id=None)
    .update_labels(id, kind=, classes=, name=, complete=, view=) .remove_labels(id)
    .record_pixels(id, coordinates, values)        what napari's paint event gives
    .record_change(id, before, after, index=())    two versions of a plane (or of the whole array)
    .record_box(id, box, values)                   one rectangle
    .replace_labels(id, array)                     a wholly new array (may change shape and dtype)
    .labels(id) -> ndarray                         what all finished strokes made
    .compact(id)                                   new snapshot, journal starts anew (done by itself too)
    .update_settings(**values) .save_curves(curves) .curves() .set_model(path)
    .save_as(folder) -> Project   .close()   .discard()   .take_notes() -> list[str]

Every change is on its way to the disk when the call returns: there is no Save. ``record_*`` hand the
stroke to the operating system at once, so that a killed napari loses nothing, and a background thread
syncs it to the disk within a second. ``take_notes()`` returns and forgets sentences for the user (an
image moved or changed, a damaged record): poll it with the timer that polls the engine.

All errors that a user can cause are :class:`napari_unet.errors.UserError`. When the disk is full,
``record_*`` raises one, but keeps the stroke and writes it before the next one.
"""
