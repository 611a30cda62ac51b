"""Methods whose steps are found by trial: Levenberg–Marquardt and line searches, as Python and as machine code."""
