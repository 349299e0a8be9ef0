"""Samples for training: rendered, recorded, augmented, batched."""
