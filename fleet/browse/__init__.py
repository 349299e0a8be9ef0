"""An output in a browser: its videos, any frame with its boxes, a search, and clips."""
