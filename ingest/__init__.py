"""Landing of files and stores into Delta tables, by the contract in `sources.yml`."""
