"""Engines of networks around a gated stack, such as WaveNet."""
