"""The values that every room shares; they import nothing but errors."""
