//! The queue from the shell.

use super::Failure;
use super::accounts::{ask, show};
use super::arguments::{Any, Part, Pausable, QueueCommand, Whole};
use crate::config::Config;
use crate::control::{Request, Selector};

/// What is lost for good is named, never guessed.
const NO_PART: &str = "queue cancel wants to be told what: --delivery ID, --message ID, --campaign NAME, --domain D, or \
                       --all";

pub(super) fn queue(config: &Config, site: Option<&str>, command: Option<&QueueCommand>) -> Result<(), Failure> {
    let order = |act: &str, selector| Request::QueueOrder { act: act.to_owned(), selector };
    let request = match command {
        None => Request::QueueList { site: site.map(str::to_owned) },
        Some(QueueCommand::Show { id }) => Request::QueueShow { id: id.clone() },
        Some(QueueCommand::Retry(any)) => order("retry", any.selector()),
        Some(QueueCommand::Pause(part)) => order("pause", part.selector()),
        Some(QueueCommand::Resume(part)) => order("resume", part.selector()),
        Some(QueueCommand::Release { campaign }) => order("release", Selector::Campaign { name: campaign.clone() }),
        Some(QueueCommand::Cancel(part)) => order("cancel", part.selector().ok_or_else(|| Failure::usage(NO_PART))?),
    };
    show(ask(config, request)?)
}

impl Any {
    /// Without any, everything.
    fn selector(&self) -> Selector {
        at(self.site.as_ref()).or_else(|| self.part.selector()).unwrap_or(Selector::All)
    }
}

impl Pausable {
    /// Without any, everything.
    fn selector(&self) -> Selector {
        at(self.site.as_ref()).or_else(|| self.whole.given()).unwrap_or(Selector::All)
    }
}

fn at(site: Option<&String>) -> Option<Selector> {
    site.cloned().map(|site| Selector::Site { site })
}

impl Part {
    fn selector(&self) -> Option<Selector> {
        let id = |id: &String| id.clone();
        let one = self.delivery.as_ref().map(|d| Selector::Delivery { id: id(d) });
        one.or_else(|| self.message.as_ref().map(|m| Selector::Message { id: id(m) })).or_else(|| self.whole.given())
    }
}

impl Whole {
    fn given(&self) -> Option<Selector> {
        let campaign = self.campaign.clone().map(|name| Selector::Campaign { name });
        let domain = || self.domain.clone().map(|domain| Selector::Domain { domain });
        campaign.or_else(domain).or_else(|| self.all.then_some(Selector::All))
    }
}
