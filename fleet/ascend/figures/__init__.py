"""What the manufacturer says of the speed of each chip, and what the modelled clock makes of it."""
