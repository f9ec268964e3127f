"""The runner: project, graph, selection, rendering, planning, execution, artifacts and the command line."""
