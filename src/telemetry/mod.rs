//! Logs and metrics; caller words stay out of both.
