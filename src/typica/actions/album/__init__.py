"""From a folder of recordings to an album of one's own, and a stream without an end."""
