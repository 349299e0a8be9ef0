"""The training of the street detector, as on an Ascend 910 (simulated)."""
