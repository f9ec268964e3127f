"""Real HBase and a MongoDB-protocol server on this machine, installed from a package registry, started and stopped."""
