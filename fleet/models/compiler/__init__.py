"""From an ONNX file to a compiled model, as ATC does it."""
