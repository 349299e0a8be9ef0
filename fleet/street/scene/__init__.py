"""The events in a street, and the view of a camera."""
