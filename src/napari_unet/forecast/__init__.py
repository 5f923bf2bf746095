"""What more time or more labels would buy, said no surer than it is. Free of torch, Qt, napari."""
