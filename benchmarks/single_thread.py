"""Imported before NumPy: its BLAS then takes one thread, and kernels are compiled rather than found."""

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"
os.environ["STEEPEST_CACHE_DIR"] = ""
