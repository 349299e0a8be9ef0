"""What an output folder holds now, and who may change it."""
