"""What is true of the VQ-VAE beyond the contract: the invariants of its sheet."""
