"""Connections to MongoDB and HBase, and what an engineer asks of them directly. Knows no Spark and no project."""
