"""Systems stacked: what the upper draws, the lower is told."""
