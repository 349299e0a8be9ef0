"""What is ahead of a run: its videos looked at some at a time, and their work kept in few bytes."""
