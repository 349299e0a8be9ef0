"""H.264 and H.265 bitstreams: NAL units, headers, parameter sets, reference pictures."""
