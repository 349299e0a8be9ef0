"""A job, and what it names: its code, models, inputs and output, and what a device needs for it."""
