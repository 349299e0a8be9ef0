"""The decoders of stills: JPEGD and PNGD."""
