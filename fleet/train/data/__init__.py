"""Samples for training: rendering, decoding, augmenting, batching."""
