"""Images: cutting them, spoiling them, making their levels continuous."""
