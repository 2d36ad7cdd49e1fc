"""Models in folders: what may be loaded, in which form they travel, which one answers."""
