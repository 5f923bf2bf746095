"""Start weights: drawn scenes, and what a network learned from them and from nothing else."""
