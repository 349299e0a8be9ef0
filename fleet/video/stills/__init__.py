"""What files of one picture say of themselves."""
