//! What readers' programs call themselves.

/// How the relay should class whoever fetched something; the words are its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Human,
    Proxy,
    Prefetch,
    Scanner,
    Unknown,
}

impl Class {
    /// The word.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Proxy => "proxy",
            Self::Prefetch => "prefetch",
            Self::Scanner => "scanner",
            Self::Unknown => "unknown",
        }
    }
}

/// A device: what shows mail on it, and what opens links.
#[derive(Debug, Clone, Copy)]
pub(super) struct Device {
    pub(super) mail: &'static str,
    pub(super) browser: &'static str,
}

const fn device(mail: &'static str, browser: &'static str) -> Device {
    Device { mail, browser }
}

const IPHONE: &str =
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148";
const IPHONE_SAFARI: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1";
const IPAD: &str =
    "Mozilla/5.0 (iPad; CPU OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148";
const IPAD_SAFARI: &str = "Mozilla/5.0 (iPad; CPU OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1";
const MAC: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)";
const MAC_SAFARI: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15";
const ANDROID: &str = "Mozilla/5.0 (Linux; Android 15; Pixel 8 Build/AP3A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/141.0.0.0 Mobile Safari/537.36";
const ANDROID_CHROME: &str =
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36";
const TABLET: &str = "Mozilla/5.0 (Linux; Android 14; SM-X210 Build/UP1A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/141.0.0.0 Safari/537.36";
const TABLET_CHROME: &str =
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36";
const WINDOWS_CHROME: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36";
const WINDOWS_EDGE: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0";
const WINDOWS_FIREFOX: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0";
const LINUX_FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0";
const LINUX_THUNDERBIRD: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Thunderbird/140.3.0";
const WINDOWS_THUNDERBIRD: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Thunderbird/140.3.0";
const OUTLOOK: &str = "Mozilla/4.0 (compatible; ms-office; MSOffice 16)";

/// Phones, tablets and desktops.
pub(super) const DEVICES: [Device; 12] = [
    device(IPHONE, IPHONE_SAFARI),
    device(ANDROID, ANDROID_CHROME),
    device(ANDROID, ANDROID_CHROME),
    device(IPHONE, IPHONE_SAFARI),
    device(WINDOWS_CHROME, WINDOWS_CHROME),
    device(WINDOWS_THUNDERBIRD, WINDOWS_FIREFOX),
    device(LINUX_THUNDERBIRD, LINUX_FIREFOX),
    device(MAC, MAC_SAFARI),
    device(IPAD, IPAD_SAFARI),
    device(TABLET, TABLET_CHROME),
    device(WINDOWS_EDGE, WINDOWS_EDGE),
    device(ANDROID, ANDROID_CHROME),
];
/// Those of one maker.
pub(super) const ORCHARD_DEVICES: [Device; 4] =
    [device(IPHONE, IPHONE_SAFARI), device(IPHONE, IPHONE_SAFARI), device(IPAD, IPAD_SAFARI), device(MAC, MAC_SAFARI)];
/// Those at desks.
pub(super) const OFFICE_DEVICES: [Device; 4] = [
    device(OUTLOOK, WINDOWS_EDGE),
    device(OUTLOOK, WINDOWS_CHROME),
    device(WINDOWS_THUNDERBIRD, WINDOWS_FIREFOX),
    device(ANDROID, ANDROID_CHROME),
];

/// A webmail provider's images. Not that of Gmail: within seconds of the 250, as all is here, its fetches say nothing.
pub(super) const IMAGE_PROXY: &str = "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-for-desktop/SLN28749.html";
/// All that a relay of images fetched ahead of time says.
pub(super) const BARE: &str = "Mozilla/5.0";
/// A mail gateway.
pub(super) const GATEWAY: &str = "Mozilla/5.0 (compatible; Gatehouse-Scanner/4.2)";
/// What looks at a link that somebody passed on.
pub(super) const LINK_PREVIEW: &str = "WhatsApp/2.25.4 A";
/// A person with a terminal.
pub(super) const CURL: &str = "curl/8.14.1";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;
    use crate::domain::audience_rules::{AudienceRules, Context, SeenHit};

    #[test]
    fn each_agent_is_of_its_class() {
        let (rules, at) = (AudienceRules::built_in(), Timestamp::from_millis(3_600_000));
        let context =
            Context { mx: String::new(), delivered_at: Some(Timestamp::default()), first_try: true, links: 5 };
        let class = |agent| {
            let hit = SeenHit { at, position: 0, address: "203.0.113.0/24", agent, signals: 0 };
            rules.alone(&context, &hit).class.as_str()
        };
        for device in DEVICES.iter().chain(&ORCHARD_DEVICES).chain(&OFFICE_DEVICES) {
            assert_eq!((class(device.mail), class(device.browser)), ("human", "human"), "{device:?}");
        }
        for (agent, wanted) in [
            (IMAGE_PROXY, Class::Proxy),
            (BARE, Class::Prefetch),
            (GATEWAY, Class::Scanner),
            (LINK_PREVIEW, Class::Scanner),
            (CURL, Class::Unknown),
        ] {
            assert_eq!(class(agent), wanted.as_str(), "{agent}");
        }
    }
}
