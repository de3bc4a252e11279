"""The contract that every part keeps: models, phases, configurations, runs, errors."""
