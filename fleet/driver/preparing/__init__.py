"""What is to be done of which videos, found out before anything runs."""
