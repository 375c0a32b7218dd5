"""Biometrics in the words of ISO/IEC 2382-37: samples in; references and candidate lists out."""
