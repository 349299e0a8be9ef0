"""A job: its class, its inputs and output, and the file that names them."""
