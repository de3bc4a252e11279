"""How an autoregressive model is drawn from."""
