"""The shapes of people, vehicles and props."""
