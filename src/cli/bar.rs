//! How far something long is, on the terminal that it was started from; nothing where there is none.

use std::io::IsTerminal;
use std::time::Duration;

/// Cells of the bar.
const CELLS: usize = 30;
/// How often something that runs elsewhere is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// A bar.
pub(super) struct Bar {
    live: bool,
    unit: &'static str,
    told: Option<u64>,
}

impl Bar {
    /// Of so many `unit`s.
    pub(super) fn of(unit: &'static str) -> Self {
        Self { live: std::io::stderr().is_terminal(), unit, told: None }
    }

    /// So many are done.
    pub(super) fn at(&mut self, done: u64, total: u64) {
        let percent = (done * 100 / total.max(1)).min(100);
        if self.live && self.told != Some(percent) {
            eprint!("\r{}", line(percent, total, self.unit));
            self.told = Some(percent);
        }
    }

    /// Leaves the line.
    pub(super) fn end(&self) {
        if self.told.is_some() {
            eprintln!();
        }
    }

    /// Shows how far `run` is by what `look` tells of it (done, of how many) from time to time.
    pub(super) fn beside<T>(mut self, look: impl Fn() -> Option<(u64, u64)> + Send, run: impl FnOnce() -> T) -> T {
        let (ended, wait) = std::sync::mpsc::channel::<()>();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let timeout = Err(std::sync::mpsc::RecvTimeoutError::Timeout);
                while self.live && wait.recv_timeout(LOOK) == timeout {
                    if let Some((done, total)) = look() {
                        self.at(done, total);
                    }
                }
                self.end();
            });
            let done = run();
            drop(ended);
            done
        })
    }
}

fn line(percent: u64, total: u64, unit: &str) -> String {
    let full = usize::try_from(percent).unwrap_or(0) * CELLS / 100;
    format!("[{}{}] {percent:>3} % of {total} {unit}", "#".repeat(full), ".".repeat(CELLS - full))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_as_long_at_the_end_as_at_the_beginning() {
        let (first, half, last) = (line(0, 7, "events"), line(50, 7, "events"), line(100, 7, "events"));
        assert_eq!((first.len(), half.len()), (last.len(), last.len()));
        assert!(half.starts_with("[###############...............]  50 %"), "{half}");
    }

    #[test]
    fn what_runs_beside_a_bar_gives_its_result() {
        assert_eq!(Bar::of("events").beside(|| Some((1, 2)), || 7), 7);
    }
}
