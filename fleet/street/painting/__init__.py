"""Drawing a scene into pixels."""
