"""A job as its author writes it, and the file that names its inputs."""
