"""The output folder: parts, commits, state and maintenance of one table dataset."""
