//! The tables, the same text for SQLite and PostgreSQL, and the steps that lead to them.
//!
//! A step that was ever released is never changed: a new one is added behind it.

/// Each step once, in this order; its number is its place, from 1.
pub(super) const STEPS: &[&[&str]] = &[&[
    "CREATE TABLE calls (
        id TEXT PRIMARY KEY,
        tenant TEXT NOT NULL,
        room TEXT NOT NULL,
        assistant TEXT NOT NULL,
        version TEXT NOT NULL,
        languages TEXT NOT NULL,
        started_ms BIGINT NOT NULL,
        ended_ms BIGINT NOT NULL,
        outcome TEXT NOT NULL,
        sentiment DOUBLE PRECISION,
        rules TEXT NOT NULL,
        turns BIGINT NOT NULL,
        slowest_ms BIGINT NOT NULL,
        recording TEXT NOT NULL,
        report TEXT NOT NULL
    )",
    "CREATE INDEX calls_by_start ON calls (started_ms, id)",
    "CREATE INDEX calls_by_assistant ON calls (assistant, started_ms)",
    "CREATE TABLE turns (
        call_id TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
        n BIGINT NOT NULL,
        caller TEXT NOT NULL,
        agent TEXT NOT NULL,
        folded TEXT NOT NULL,
        PRIMARY KEY (call_id, n)
    )",
]];

/// Which steps were taken.
pub(super) const STEPS_TABLE: &str =
    "CREATE TABLE IF NOT EXISTS schema_steps (n BIGINT PRIMARY KEY)";
