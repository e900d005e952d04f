//! The LiveKit agent worker: registers, reports load, accepts jobs, drains.
