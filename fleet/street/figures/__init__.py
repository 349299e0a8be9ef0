"""The shapes of people, vehicles and props, and the traffic."""
