"""From predictions to objects, and from objects to tables. Free of torch, Qt and napari."""
