//! Keeps the engine processes alive: starts, probes, restarts with backoff.
