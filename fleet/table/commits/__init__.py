"""What makes rows real: commit records, their footers, checkpoints and packs."""
