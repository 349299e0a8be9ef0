"""What is printed of chips: their sizes, engines, rates and rules."""
