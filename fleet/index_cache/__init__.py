"""The indexes of videos, kept from run to run."""
