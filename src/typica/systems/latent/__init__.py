"""Systems with latent variables, of sound."""
