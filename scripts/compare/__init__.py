"""The rooms of scripts/compare_spikingjelly.py."""
