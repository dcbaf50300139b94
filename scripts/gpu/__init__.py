"""Rooms of `make test-gpu` and of its results page."""
