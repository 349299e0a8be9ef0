"""What happens in a street, and what a camera sees of it."""
