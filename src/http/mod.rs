//! The HTTP side: page, token, dispatch, health, metrics.
