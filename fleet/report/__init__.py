"""An output as one HTML page that opens offline: coverage, findings, pictures, time, origin."""
