"""Which network, width, tile and weight map fit the user's images and machine, and why."""
