//! How busy this machine is, as a share of all its cores: a moving average of `/proc/stat`.
//! Says nothing about calls; the session joins both. Where there is no `/proc` it reads as idle.

use std::collections::VecDeque;

/// Samples that make the average.
const SAMPLES: usize = 5;

/// Averages the processor's share of work over the last samples.
#[derive(Debug, Default)]
pub(super) struct CpuMeter {
    last: Option<Ticks>,
    shares: VecDeque<f32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ticks {
    busy: u64,
    total: u64,
}

impl CpuMeter {
    /// Reads the machine's counters and returns the share of work, 0..1, averaged over the last
    /// five calls. The file is made by the kernel in memory, so reading it here blocks nothing.
    pub(super) fn sample(&mut self) -> f32 {
        self.add(&std::fs::read_to_string("/proc/stat").unwrap_or_default())
    }

    fn add(&mut self, stat: &str) -> f32 {
        if let Some(now) = parse(stat)
            && let Some(last) = self.last.replace(now)
        {
            let total = now.total.saturating_sub(last.total);
            let busy = now.busy.saturating_sub(last.busy);
            if total > 0 {
                if self.shares.len() == SAMPLES {
                    self.shares.pop_front();
                }
                self.shares.push_back((busy as f32 / total as f32).clamp(0.0, 1.0));
            }
        }
        if self.shares.is_empty() {
            return 0.0;
        }
        self.shares.iter().sum::<f32>() / self.shares.len() as f32
    }
}

/// Reads `cpu user nice system idle iowait irq softirq steal …`.
fn parse(stat: &str) -> Option<Ticks> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let fields: Vec<u64> =
        line.split_whitespace().take(8).map(str::parse).collect::<Result<_, _>>().ok()?;
    let idle = fields.get(3)?.saturating_add(fields.get(4).copied().unwrap_or(0));
    let total = fields.iter().fold(0u64, |sum, f| sum.saturating_add(*f));
    Some(Ticks { busy: total.saturating_sub(idle), total })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_is_the_average_of_the_last_five_samples() {
        let mut meter = CpuMeter::default();
        assert_eq!(meter.add("cpu  0 0 0 0 0 0 0 0 0 0\ncpu0 1 1 1 1\n"), 0.0);
        assert_eq!(meter.add("cpu  50 0 50 100 0 0 0 0 0 0\n"), 0.5);
        assert_eq!(meter.add("cpu  150 0 50 100 0 0 0 0 0 0\n"), 0.75);
        for n in 0..5u64 {
            meter.add(&format!("cpu  150 0 50 {} 0 0 0 0\n", 200 + n * 100));
        }
        assert_eq!(meter.add("cpu  150 0 50 700 0 0 0 0\n"), 0.0);
    }

    #[test]
    fn strange_counters_read_as_idle() {
        let mut meter = CpuMeter::default();
        for stat in ["", "cpu ", "cpu  a b c d", "cpu  1 2", "cpu  9 9 9 9", "cpu  1 1 1 1"] {
            assert_eq!(meter.add(stat), 0.0, "{stat}");
        }
        assert_eq!(meter.add("cpu  18446744073709551615 18446744073709551615 1 1"), 1.0);
    }
}
