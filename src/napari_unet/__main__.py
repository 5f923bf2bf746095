"""``python -m napari_unet``: the command without its script."""

from napari_unet.cli import main

if __name__ == "__main__":
    main()
