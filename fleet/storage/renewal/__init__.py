"""Keys that are valid for a while, and who renews them."""
