"""Container files: where their packets lie, and how these are read."""
