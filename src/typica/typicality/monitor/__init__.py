"""The typicality monitor: watches a stream, and tells when it leaves what is typical."""
