"""Indexes of videos, kept from run to run."""
