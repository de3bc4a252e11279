"""Numbers in, numbers out, no parameters: companding, spectra, mel, resampling, level."""
