"""Recorded detections, drawn on the frames of their video."""
