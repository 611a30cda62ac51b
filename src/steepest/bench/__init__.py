"""Experiment A7 of the notes: times of gradient descent and finite differences, compared with other libraries.

``experiment.py`` measures, ``report.py`` prints; a peer is imported only when it runs.
"""
