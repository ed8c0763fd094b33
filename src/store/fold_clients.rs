//! The programs and devices with which people read a mail.

use std::collections::BTreeMap;

use super::fold_state::{DeliveryState, HitCounter};
use super::view::State;
use crate::domain::Device;
use crate::domain::audience::Audience;

/// What people opened or clicked with.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Client {
    /// A program, by its family's name; empty when it did not tell.
    Program(String),
    /// A kind of device.
    Device(Device),
}

/// With what a person opened or clicked, and whether each was used for either.
pub(super) type Clients = BTreeMap<Client, (bool, bool)>;

impl Client {
    /// How a row says what it is, and its name.
    pub(super) fn stored(&self) -> (i64, &str) {
        match self {
            Self::Program(family) => (0, family),
            Self::Device(device) => (1, device.as_str()),
        }
    }

    /// From a row; what this build does not know is an unknown device.
    pub(super) fn from_stored(kind: i64, name: String) -> Self {
        match kind {
            0 => Self::Program(name),
            _ => Self::Device(
                (0..=u8::MAX)
                    .filter_map(Device::from_code)
                    .find(|device| device.as_str() == name)
                    .unwrap_or(Device::Unknown),
            ),
        }
    }
}

impl DeliveryState {
    /// What it adds to the programs and to the devices: who used a program on two devices is one of that program's people.
    pub(super) fn clients(&self, hits: &[HitCounter]) -> Clients {
        let mut clients = Clients::new();
        let (opens, clicks) = (self.known && self.state == State::Delivered && self.pixel, self.clicks_count());
        for hit in hits.iter().filter(|h| h.class == Audience::Human && h.n > 0) {
            let counts = if hit.position == 0 { opens } else { clicks };
            if counts {
                for client in [Client::Program(hit.family.clone()), Client::Device(hit.device)] {
                    let used = clients.entry(client).or_default();
                    *(if hit.position == 0 { &mut used.0 } else { &mut used.1 }) = true;
                }
            }
        }
        clients
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Mode;

    #[test]
    fn who_uses_a_program_on_two_devices_is_one_of_its_people() {
        let hit = |position: u16, family: &str, device: Device, class: Audience| HitCounter {
            position,
            class,
            minute: 0,
            family: family.to_owned(),
            device,
            pattern: 0,
            n: 1,
            changed: false,
        };
        let hits = [
            hit(0, "Chrome", Device::Phone, Audience::Human),
            hit(1, "Chrome", Device::Desktop, Audience::Human),
            hit(0, "Thunderbird", Device::Desktop, Audience::Human),
            hit(0, "Robot", Device::Desktop, Audience::Scanner),
        ];
        let state = DeliveryState {
            known: true,
            state: State::Delivered,
            pixel: true,
            links: 1,
            ..DeliveryState::unknown(7, Mode::Live)
        };
        let found: Vec<_> = state.clients(&hits).into_iter().collect();
        let wanted = [
            (Client::Program("Chrome".to_owned()), (true, true)),
            (Client::Program("Thunderbird".to_owned()), (true, false)),
            (Client::Device(Device::Phone), (true, false)),
            (Client::Device(Device::Desktop), (true, true)),
        ];
        assert_eq!(found, wanted);
        for (client, _) in found {
            let (kind, name) = client.stored();
            assert_eq!(Client::from_stored(kind, name.to_owned()), client);
        }
    }
}
