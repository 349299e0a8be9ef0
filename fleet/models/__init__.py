"""Compiled models: their compiler from ONNX, as ATC is one, and the heads that read outputs."""
