"""Biometrics in the words of ISO/IEC 2382-37: samples in; references and candidate lists out."""

import os

# Before numpy loads its linear algebra: threads of our own share the cores, and a library that
# starts one more thread per core for every small product made an extraction six times dearer.
for _library in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_library, "1")
