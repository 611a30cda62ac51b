"""The notes' experiment A7 on this machine: gradient descent against finite differences, beside the peers.

``experiment.py`` measures, ``report.py`` prints; a peer is loaded when it is asked for, never at import.
"""
