//! Who fetched a pixel or a link: a person, or a machine on a person's behalf, or a machine for itself.
//!
//! The class and the name of the rule that gave it are kept with each hit. Nothing is dropped: machines are counted
//! apart. The rules here look at one request alone; what only a run of requests can tell is judged elsewhere and comes
//! as a later fact.

use sha2::{Digest, Sha256};

use super::bounce::coded_enum;

coded_enum!(
    /// The class of a hit.
    Audience {
        /// A person's own program.
        Human = 1, "human";
        /// A mailbox provider's proxy, fetching at the moment a person looked.
        Proxy = 2, "proxy";
        /// Cannot be told.
        Unknown = 3, "unknown";
        /// Fetched ahead of time by a machine, whether or not a person looks.
        Prefetch = 4, "prefetch";
        /// A security scanner, a link previewer, a robot.
        Scanner = 5, "scanner";
    }
);

impl Audience {
    /// Best first: human over proxy over (inferred over) unknown over prefetch over scanner.
    pub const fn rank(self) -> u8 {
        match self {
            Self::Human => 0,
            Self::Proxy => 1,
            Self::Unknown => 3,
            Self::Prefetch => 4,
            Self::Scanner => 5,
        }
    }
}

/// A class and the name of the rule that gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The class.
    pub class: Audience,
    /// The rule's name.
    pub rule: &'static str,
    /// The client's family where the agent tells it, else empty.
    pub family: &'static str,
}

/// What a request tells of its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request<'a> {
    /// The `User-Agent` field; empty when missing.
    pub agent: &'a str,
    /// Whether a field said that this is a prefetch or preview (`Sec-Purpose`, `Purpose`, `X-Purpose`, `X-Moz`).
    pub says_prefetch: bool,
}

/// (a part of the agent in lower case, class, rule, family); the first that matches decides.
const AGENTS: &[(&str, Audience, &str, &str)] = &[
    ("googleimageproxy", Audience::Proxy, "gmail-image-proxy", "Gmail"),
    ("yahoomailproxy", Audience::Proxy, "yahoo-image-proxy", "Yahoo Mail"),
    ("outlookimageproxy", Audience::Proxy, "outlook-image-proxy", "Outlook.com"),
    ("safelinks", Audience::Scanner, "microsoft-safe-links", ""),
    ("mimecast", Audience::Scanner, "mail-gateway", ""),
    ("proofpoint", Audience::Scanner, "mail-gateway", ""),
    ("barracuda", Audience::Scanner, "mail-gateway", ""),
    ("forcepoint", Audience::Scanner, "mail-gateway", ""),
    ("symantec", Audience::Scanner, "mail-gateway", ""),
    ("fireeye", Audience::Scanner, "mail-gateway", ""),
    ("facebookexternalhit", Audience::Scanner, "link-preview", ""),
    ("whatsapp/", Audience::Scanner, "link-preview", ""),
    ("slackbot", Audience::Scanner, "link-preview", ""),
    ("telegrambot", Audience::Scanner, "link-preview", ""),
    ("discordbot", Audience::Scanner, "link-preview", ""),
    ("skypeuripreview", Audience::Scanner, "link-preview", ""),
    ("linkedinbot", Audience::Scanner, "link-preview", ""),
    ("headlesschrome", Audience::Scanner, "headless-browser", ""),
    ("phantomjs", Audience::Scanner, "headless-browser", ""),
    ("python-requests", Audience::Scanner, "program-library", ""),
    ("python-urllib", Audience::Scanner, "program-library", ""),
    ("aiohttp", Audience::Scanner, "program-library", ""),
    ("go-http-client", Audience::Scanner, "program-library", ""),
    ("okhttp", Audience::Scanner, "program-library", ""),
    ("apache-httpclient", Audience::Scanner, "program-library", ""),
    ("java/", Audience::Scanner, "program-library", ""),
    ("libwww-perl", Audience::Scanner, "program-library", ""),
    ("curl/", Audience::Unknown, "command-line-client", "curl"),
    ("wget/", Audience::Unknown, "command-line-client", "Wget"),
    ("bot/", Audience::Scanner, "robot-name", ""),
    ("bot;", Audience::Scanner, "robot-name", ""),
    ("crawler", Audience::Scanner, "robot-name", ""),
    ("spider", Audience::Scanner, "robot-name", ""),
    ("scanner", Audience::Scanner, "robot-name", ""),
];

/// (a part of the agent in lower case, family), for programs that people use.
const FAMILIES: &[(&str, &str)] = &[
    ("thunderbird", "Thunderbird"),
    ("microsoft outlook", "Outlook"),
    ("ms-office", "Outlook"),
    ("edg/", "Edge"),
    ("opr/", "Opera"),
    ("firefox/", "Firefox"),
    ("chrome/", "Chrome"),
    ("safari/", "Safari"),
    ("applewebkit", "Apple Mail"),
];

/// A short number of the rules, another when they are others.
pub fn rules_digest() -> String {
    let mut digest = Sha256::new();
    for (part, class, rule, family) in AGENTS {
        digest.update(format!("{part}\n{class}\n{rule}\n{family}\n"));
    }
    for (part, family) in FAMILIES {
        digest.update(format!("{part}\n{family}\n"));
    }
    digest.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// Judges one request by itself.
pub fn judge(request: Request<'_>) -> Verdict {
    let agent = request.agent.trim();
    let lower = agent.to_ascii_lowercase();
    let verdict = |class, rule, family| Verdict { class, rule, family };
    if request.says_prefetch {
        return verdict(Audience::Prefetch, "purpose-header", "");
    }
    if agent.is_empty() {
        return verdict(Audience::Unknown, "no-agent", "");
    }
    if let Some((_, class, rule, family)) = AGENTS.iter().find(|(part, ..)| lower.contains(part)) {
        return verdict(*class, rule, family);
    }
    // Apple's Mail Privacy Protection sends nothing but this, through relays, whether or not the mail is read.
    if agent == "Mozilla/5.0" {
        return verdict(Audience::Prefetch, "apple-mail-privacy", "Apple Mail");
    }
    match FAMILIES.iter().find(|(part, _)| lower.contains(part)) {
        Some((_, family)) => verdict(Audience::Human, "known-client", family),
        None if lower.starts_with("mozilla/") => verdict(Audience::Human, "browser-like", ""),
        None => verdict(Audience::Unknown, "unknown-agent", ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_of_each_class() {
        for (agent, class) in [
            (
                "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
                Audience::Proxy,
            ),
            ("YahooMailProxy; https://help.yahoo.com/", Audience::Proxy),
            ("Mozilla/5.0", Audience::Prefetch),
            ("", Audience::Unknown),
            ("curl/8.1", Audience::Unknown),
            ("python-requests/2.31", Audience::Scanner),
            ("Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.example/)", Audience::Scanner),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
                Audience::Human,
            ),
            ("Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Thunderbird/130.0", Audience::Human),
        ] {
            assert_eq!(judge(Request { agent, says_prefetch: false }).class, class, "{agent}");
        }
        assert_eq!(judge(Request { agent: "Mozilla/5.0 Chrome/1", says_prefetch: true }).class, Audience::Prefetch);
    }
}
