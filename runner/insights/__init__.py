"""Insights: questions that a project asks of its own tables, answered with their uncertainty.

intervals   how far an estimate may be off: shares, counts, medians, ratios
contrasts   whether groups, weekdays, counts differ by more than chance
inequality  how unevenly a total is spread over its holders
definition  `report.yml`: which questions, of which tables
columns     a table's columns as arrays, read without Spark
finding     what a question comes to: figures, tests, and sentences that follow from both
kinds       one module for each kind of question
answer      all questions of a project: computed, or left out with the reason

Nothing here knows a shop. A sentence is made when all tests of a report are known, since with many questions some look
like findings by chance alone: `contrasts.holm` takes care of that.
"""
