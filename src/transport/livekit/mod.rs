//! LiveKit rooms through the SDK's shared library.
