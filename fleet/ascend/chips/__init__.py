"""The chips as tables: what each block takes and returns, how fast it is, and what it costs.

A chip is data: one file each, every line with its rule in docs/chip.md. No engine asks which one
it runs on.
"""
