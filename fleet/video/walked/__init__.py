"""Files taken apart without libav, which has to agree on where they begin."""
