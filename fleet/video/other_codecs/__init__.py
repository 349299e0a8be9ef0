"""What the packets of other codecs than H.264 and H.265 say of themselves, which hosts decode."""
