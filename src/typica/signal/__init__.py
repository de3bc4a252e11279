"""Numbers in, numbers out, no parameters: companding, spectra, phase, constant-Q, synthesis."""
