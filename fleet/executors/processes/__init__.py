"""One operating-system process a device, on this machine, without Ray."""
