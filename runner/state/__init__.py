"""What has been built, from what, and whether that still holds: fingerprints, decisions, records of runs.

A fingerprint is stored with the data that it describes: in the publishing commit of a table, in the definition of a
view. There is no other state; a fresh clone of the project decides the same over the same warehouse.
"""
