"""The rooms of scripts/results.py."""
