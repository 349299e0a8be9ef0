"""The stretches in which something was found, cut out of their videos."""
