"""From features and labels to a model: folds, forests, calibration, and the alarm that joins them."""
