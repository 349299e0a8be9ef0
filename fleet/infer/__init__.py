"""One compiled model timed on given data, as msame and ais_bench do it."""
