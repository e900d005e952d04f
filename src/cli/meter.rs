//! A level meter on one line of the terminal.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use crate::transport::microphone::Levels;

/// Cells of the meter.
const WIDTH: usize = 24;

/// What the left end of the meter stands for.
const FLOOR_DB: f32 = -60.0;

/// Draws until cancelled. Nothing where standard error is no terminal.
pub(crate) async fn show(levels: Arc<Levels>) {
    if !std::io::stderr().is_terminal() {
        return std::future::pending().await;
    }
    loop {
        tokio::time::sleep(Duration::from_millis(80)).await;
        let (caller, agent) = levels.read();
        eprint!("\ryou {}  agent {}", bar(caller), bar(agent));
        let _ = std::io::stderr().flush();
    }
}

fn bar(level: f32) -> String {
    let db = if level > 0.0 { 20.0 * level.log10() } else { FLOOR_DB };
    let share = ((db - FLOOR_DB) / -FLOOR_DB).clamp(0.0, 1.0);
    let full = (share * WIDTH as f32).round() as usize;
    format!("▕{}{}▏", "█".repeat(full), " ".repeat(WIDTH - full))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_meter_is_empty_in_silence_and_full_at_full_scale() {
        assert_eq!(bar(0.0).matches('█').count(), 0);
        assert_eq!(bar(1.0).matches('█').count(), WIDTH);
        assert_eq!(bar(0.0316).matches('█').count(), WIDTH / 2);
    }
}
