//! What a campaign's page reads beyond the report that programs get.

use super::view::{CampaignReport, Finding, SiteRow};
use crate::domain::usual::Usual;
use crate::domain::{Device, Timestamp};

/// All of a campaign's page.
#[derive(Debug, Clone)]
pub struct CampaignView {
    /// What programs get too.
    pub report: CampaignReport,
    /// How many hours since its first delivery its curves show.
    pub hours_shown: usize,
    /// What is usual for the sender at its age.
    pub usual: Option<Usual>,
    /// The sites with the most recipients, then all others in one.
    pub receivers: Vec<ReceiverRow>,
    /// The programs that people read it with.
    pub clients: Clients,
    /// What changed while it ran, the latest first; at most 20.
    pub changes: Vec<SettingChange>,
    /// Worst first.
    pub findings: Vec<Finding>,
}

/// The deliveries of a receiving site.
#[derive(Debug, Clone)]
pub struct ReceiverRow {
    /// The site and its counts.
    pub site: SiteRow,
    /// From acceptance to the 250 in milliseconds: half of them, and 95 in a hundred, took no longer. `None` for the
    /// others and before the first.
    pub latency_ms: Option<(i64, i64)>,
}

/// The programs that people opened and clicked with. Who used two is counted with each.
#[derive(Debug, Clone, Default)]
pub struct Clients {
    /// By program, most opens first: name (empty where the agent does not tell), opened, clicked.
    pub families: Vec<(String, i64, i64)>,
    /// By kind of device, most opens first.
    pub devices: Vec<(Device, i64, i64)>,
}

/// A setting that is another since a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingChange {
    /// Since when.
    pub at: Timestamp,
    /// `section.key`.
    pub key: String,
    /// What it was.
    pub was: String,
    /// What it is since then.
    pub now: String,
    /// Who changed it.
    pub by: String,
}
