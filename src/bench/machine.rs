//! What a number's machine was: without it the number says nothing.

use std::fmt;

use serde::Serialize;

/// Facts that explain a number.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    /// The processor's own name.
    pub cpu: String,
    /// Cores that this process may use.
    pub cores: usize,
    /// Memory in gigabytes.
    pub memory_gb: f64,
    /// Work waiting for the processor over the last minute when the measurement began: above
    /// [`Self::cores`] the wall times are somebody else's too.
    pub load: f64,
}

impl Machine {
    pub(super) fn here() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let memory = field(&read("/proc/meminfo"), "MemTotal");
        let memory = memory.and_then(|m| m.split(' ').next()?.parse::<f64>().ok());
        let load = read("/proc/loadavg");
        Self {
            cpu: field(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| "unknown".into()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gb: memory.unwrap_or(0.0) / 1e6,
            load: load.split(' ').next().and_then(|l| l.parse().ok()).unwrap_or(0.0),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cpu, cores, memory_gb, load } = self;
        write!(f, "{cpu}, {cores} cores, {memory_gb:.0} GB, load {load:.1} at the start")
    }
}
