"""One file per system, in the families of the survey: what stands here exists."""
