"""Who does what: the ledger and its decisions; pure, on events and a clock handed in."""
