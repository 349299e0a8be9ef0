"""What runs note of themselves while they go on, for people who look at it later."""
