"""Which pictures others refer to: what need not be decoded though it is fed, or not be fed."""
