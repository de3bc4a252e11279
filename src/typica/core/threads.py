"""What threads are called that others than those who start them look for."""

GENERATION = "generation"  # draws a stream
