"""The landed tables as the project sees them: where they come from, whether they are late, what was put aside.

connections   the stores of a target, opened
contracts     a source table as the contract of its landing
freshness     how old a table is, against what `sources.yml` allows
landed_paths  whether a landing found every path that its contract names
quarantine    records that a landing put aside
store_match   a landed table against its store as it is
"""
