"""The slice headers of many pictures at once, read side by side."""
