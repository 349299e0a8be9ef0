"""The stretches in which something was found, and boxes, cut out of their videos."""
