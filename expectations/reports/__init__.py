"""Validation reports: what a run's checks found, as a page, as Markdown, as JUnit XML and as JSON.

values     what a report is made of: results, the run, owners, what reads a faulty table, earlier figures
headline   the verdict in one sentence
charts     distributions and trends as SVG
lineage    what stands below a faulty table as SVG
page       the page of a run
document   JSON
markdown   a comment for a pull request
junit      JUnit XML
runs       the folder of all kept runs: their summaries, the page over them
write      all of these at once

Everything is a function of values: no Spark, no network, no project. `runner.artifacts.outcome` writes them after each run.
"""
