"""The web desk: what was published, to a browser on this machine."""
