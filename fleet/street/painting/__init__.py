"""The drawing of a scene into pixels."""
