"""Figures and the laws they are held against: plain numbers in, plain numbers out; nothing here knows of a check.

arrays     numpy, imported when it is first used
chance     tails of the laws that checks compare with
cluster    the search for a slice whose values are packed into a narrow band
rankings   whether groups differ by more than chance
shape      figures about the shape of a distribution
sketch     a column's distribution in a few numbers, and how far two of them are apart
usual      what a figure should be by its own past: robust, aware of weekdays and of growth
"""
