"""Numbers in, numbers out, no parameters: companding, spectra, phase, mel, constant-Q, synthesis."""
