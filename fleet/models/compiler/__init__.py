"""The compiler from an ONNX file to a model for the chip, as ATC is one."""
