"""From arrays to a trained model: batches, augmentation, fitting, checkpoints."""
