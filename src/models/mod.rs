//! The weights: manifest, pull, import, verify, convert.
