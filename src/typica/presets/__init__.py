"""Settings: one folder per system, one YAML file per preset."""
