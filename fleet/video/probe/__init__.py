"""From a file to its index: headers read or the file scanned, in a child process."""
