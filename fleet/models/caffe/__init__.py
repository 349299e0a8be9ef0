"""From a network of Caffe, prototxt and caffemodel, to ONNX."""
