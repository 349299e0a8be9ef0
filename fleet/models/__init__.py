"""Compiled models: what ATC makes of an ONNX file, and the heads that read raw outputs."""
