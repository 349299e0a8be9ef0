"""A fleet on paper: the ledger, the balance and the scale of a real run, on a simulated clock."""
