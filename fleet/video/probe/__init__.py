"""Make the index of a file: by its header or a scan of it, in a child process."""
