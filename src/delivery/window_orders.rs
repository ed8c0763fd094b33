//! What orders to the queue, and changes of its times, do to the window.

use super::Window;
use crate::domain::{Selection, Timestamp};

impl Window {
    /// Starts nothing of this part of the queue until it is released; what is under way goes on.
    pub fn withhold(&mut self, selection: Selection) {
        self.withheld.add(selection);
        let missed = self.entries.unload(|due, site| self.withheld.covers(due, site));
        missed.into_iter().for_each(|domain| self.withheld.miss(domain));
    }

    /// The end of [`Window::withhold`], by whoever withheld.
    pub fn release(&mut self, selection: &Selection, now: Timestamp) {
        self.withheld.remove(selection);
        let missed = self.withheld.take_missed();
        self.wake(missed, now);
        match selection {
            Selection::Domain(domain) => self.place(domain, now),
            Selection::Site(site) => {
                self.entries.at(site.as_str()).iter().for_each(|domain| self.place(domain, now));
            }
            Selection::All | Selection::Campaign(_) | Selection::Message(_) | Selection::Delivery(_) => {}
        }
    }

    /// The end of [`Window::withhold`] after the part was taken out of the queue, as far as it was accepted by the commit
    /// `through`: what a read under way brings, and what is only heard of now, may be of it.
    pub fn cancelled(&mut self, selection: &Selection, through: u64, now: Timestamp) {
        self.read_through = self.read_through.max(through);
        for domain in &self.reading {
            if let Some(entry) = self.entries.get_mut(domain) {
                entry.stale = true;
            }
        }
        self.release(selection, now);
    }

    /// The queue's times were changed on the disk: every domain is read anew.
    pub fn reread(&mut self, now: Timestamp) {
        let domains: Vec<_> = self.entries.domains().cloned().collect();
        for domain in domains {
            self.entry(&domain).later = Some(now);
            self.place(&domain, now);
        }
    }
}
