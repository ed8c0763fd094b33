use super::*;

const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 \
                      Safari/537.36";
const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                      Mobile/15E148";
const GMAIL: &str = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)";

fn seen<'a>(position: u16, agent: &'a str, address: &'a str) -> SeenHit<'a> {
    SeenHit { at: Timestamp::from_millis(3_600_000), position, address, agent, signals: 0 }
}

/// A delivery that was taken by `mx` so many milliseconds before [`seen`]'s hits.
fn taken_by(mx: &str, before_ms: i64) -> Context {
    let delivered_at = Some(Timestamp::from_millis(3_600_000 - before_ms));
    Context { mx: mx.to_owned(), delivered_at, first_try: true, links: 5 }
}

fn told(context: &Context, hit: &SeenHit<'_>) -> (Audience, String) {
    let verdict = AudienceRules::built_in().alone(context, hit);
    (verdict.class, verdict.rule.to_string())
}

#[track_caller]
fn is(context: &Context, hit: &SeenHit<'_>, class: Audience, rule: &str) {
    assert_eq!(told(context, hit), (class, rule.to_owned()));
}

#[test]
fn the_built_in_rules_can_be_read_and_each_names_its_source() {
    assert!(super::super::audience_read::read(BUILT_IN).is_ok());
    let file: toml::Table = BUILT_IN.parse().unwrap();
    for kind in ["rule", "burst"] {
        for entry in file[kind].as_array().unwrap() {
            assert!(entry["source"].as_str().is_some_and(|source| !source.is_empty()), "{entry}");
        }
    }
}

#[test]
fn agents_of_each_class() {
    let later = taken_by("mx.example.org", 3_000_000);
    for (agent, class) in [
        (GMAIL, Audience::Proxy),
        ("YahooMailProxy; https://help.yahoo.com/", Audience::Proxy),
        ("Mozilla/5.0", Audience::Prefetch),
        ("", Audience::Unknown),
        ("curl/8.1", Audience::Unknown),
        ("python-requests/2.31", Audience::Scanner),
        ("Go-http-client/2.0", Audience::Scanner),
        ("Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", Audience::Scanner),
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/131.0.0.0 Safari/537.36",
            Audience::Scanner,
        ),
        ("Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.example/)", Audience::Scanner),
        (
            "Mozilla/5.0 (Linux; Android 13; CUBOT P80) AppleWebKit/537.36 Chrome/131.0 Mobile Safari/537.36",
            Audience::Human,
        ),
        (IPHONE, Audience::Human),
        (CHROME, Audience::Human),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Thunderbird/130.0", Audience::Human),
        ("Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; Microsoft Outlook 16.0.1; ms-office)", Audience::Human),
        ("Something else", Audience::Unknown),
    ] {
        assert_eq!(told(&later, &seen(0, agent, "")).0, class, "{agent}");
    }
    // Nothing but a browser's first word follows links.
    is(&later, &seen(2, "Mozilla/5.0", ""), Audience::Scanner, "no-browser");
    let prefetch = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/42.0.2311.135 \
                    Safari/537.36 Edge/12.246 Mozilla/5.0";
    is(&later, &seen(0, prefetch, "66.249.84.0/24"), Audience::Prefetch, "gmail-prefetch");
}

#[test]
fn families_and_devices_are_told_by_the_agent() {
    let rules = AudienceRules::built_in();
    let android =
        "Mozilla/5.0 (Linux; Android 13; SM-X200) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36";
    for (agent, family, device) in [
        (GMAIL, "Gmail", Device::Unknown),
        (CHROME, "Chrome", Device::Desktop),
        (IPHONE, "Apple Mail", Device::Phone),
        ("Mozilla/5.0", "Apple Mail", Device::Unknown),
        (android, "Chrome", Device::Tablet),
        ("Mozilla/5.0 (Linux; Android 13; Pixel 7) Chrome/131.0 Mobile Safari/537.36", "Chrome", Device::Phone),
        ("Mozilla/5.0 (iPad; CPU OS 17_0 like Mac OS X) AppleWebKit/605.1.15", "Apple Mail", Device::Tablet),
        (
            "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; Tablet PC 2.0; Microsoft Outlook 16.0)",
            "Outlook",
            Device::Desktop,
        ),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Thunderbird/130.0", "Thunderbird", Device::Desktop),
        ("", "", Device::Unknown),
    ] {
        let told = rules.program(agent);
        assert_eq!((&*told.0, told.1), (family, device), "{agent}");
    }
}

#[test]
fn a_network_is_known_as_it_is_kept_and_microsofts_tells_of_clicks_alone() {
    let later = taken_by("mx.example.org", 3_000_000);
    for network in ["40.94.31.0/24", "104.47.11.62", "2a01:111:f400::/48"] {
        is(&later, &seen(3, CHROME, network), Audience::Scanner, "microsoft-network");
        is(&later, &seen(0, CHROME, network), Audience::Human, "known-client");
    }
    // People sit at desktops in Azure; of mail that Microsoft took, Safe Links is there.
    let azure = seen(3, CHROME, "20.50.1.0/24");
    is(&later, &azure, Audience::Human, "known-client");
    let taken = taken_by("shop-example.mail.protection.outlook.com", 3_000_000);
    is(&taken, &azure, Audience::Scanner, "microsoft-cloud");
    is(&taken, &seen(0, CHROME, "20.50.1.0/24"), Audience::Human, "known-client");
    // Less is known of the client than the rule asks.
    is(&later, &seen(3, CHROME, "40.0.0.0/8"), Audience::Human, "known-client");
    is(&later, &seen(3, CHROME, "no network"), Audience::Human, "known-client");
    is(&later, &seen(0, CHROME, "17.58.101.0/24"), Audience::Prefetch, "apple-network");
}

#[test]
fn what_a_request_said_comes_before_its_agent() {
    let later = taken_by("mx.example.org", 3_000_000);
    let said = |signals| SeenHit { signals, ..seen(2, CHROME, "") };
    is(&later, &said(Hit::SAID_PREFETCH), Audience::Prefetch, "purpose-header");
    is(&later, &said(Hit::HEAD_CAME_FIRST), Audience::Scanner, "head-before-get");
    is(&later, &said(Hit::NAMED_NO_AGENT), Audience::Human, "known-client");
}

#[test]
fn gateways_are_known_by_their_exchangers_soon_after_they_took_the_mail() {
    let click = seen(2, CHROME, "198.51.100.0/24");
    for mx in [
        "mx0a-0012.pphosted.com",
        "eu-smtp-inbound-1.mimecast.com",
        "d1.ess.barracudanetworks.com",
        "mx1.hc1.iphmx.com",
    ] {
        is(&taken_by(mx, 59_000), &click, Audience::Scanner, "gateway-click");
        is(&taken_by(mx, 61_000), &click, Audience::Human, "known-client");
        is(&taken_by(mx, 29_000), &seen(0, IPHONE, ""), Audience::Scanner, "gateway-open");
        is(&taken_by(mx, 31_000), &seen(0, IPHONE, ""), Audience::Human, "known-client");
    }
    let microsoft = "shop-example.mail.protection.outlook.com";
    is(&taken_by(microsoft, 15_000), &click, Audience::Scanner, "microsoft-gateway-click");
    is(&taken_by(microsoft, 15_000), &seen(0, CHROME, ""), Audience::Human, "known-client");
    for other in ["mx.example.org", "notpphosted.com", "pphosted.com.example", ""] {
        is(&taken_by(other, 5_000), &click, Audience::Human, "known-client");
    }
    // Without a 250 nothing is known of the time.
    let waits = Context { delivered_at: None, ..taken_by("mx0a-0012.pphosted.com", 0) };
    is(&waits, &click, Audience::Human, "known-client");
}

#[test]
fn gmail_fetches_at_delivery_in_its_own_name_and_when_a_person_looks() {
    let open = seen(0, GMAIL, "66.249.84.0/24");
    is(&taken_by("gmail-smtp-in.l.google.com", 4_000), &open, Audience::Prefetch, "gmail-at-delivery");
    is(&taken_by("gmail-smtp-in.l.google.com", 6_000), &open, Audience::Proxy, "gmail-image-proxy");
}

#[test]
fn nobody_has_a_mail_before_it_was_taken_at_the_first_try() {
    let ahead = taken_by("mx.example.org", -2_500);
    is(&ahead, &seen(1, CHROME, ""), Audience::Scanner, "ahead-of-delivery");
    // Clocks and commits are not that exact, and an earlier try may have been taken with its answer lost.
    is(&taken_by("mx.example.org", -1_000), &seen(1, CHROME, ""), Audience::Human, "known-client");
    is(&Context { first_try: false, ..ahead }, &seen(1, CHROME, ""), Audience::Human, "known-client");
}

#[test]
fn an_operators_rules_come_first_replace_those_of_their_names_and_may_stand_alone() {
    let own = "[[rule]]\nname = \"ours\"\nclass = \"scanner\"\nagent_begins = [\"Mozilla/5.0 (X11\"]\n\
               [[rule]]\nname = \"known-client\"\nclass = \"unknown\"\nagent = [\"Chrome\"]\n\
               [[family]]\nname = \"House\"\nagent = [\"x11\"]\n";
    let linux = seen(1, "Mozilla/5.0 (X11; Linux x86_64) Chrome/1 Safari/1", "");
    let verdict = |text: &str, hit: &SeenHit<'_>| {
        let verdict = AudienceRules::with_own(text).unwrap().alone(&Context::default(), hit);
        (verdict.class, verdict.rule.to_string())
    };
    assert_eq!(verdict(own, &linux), (Audience::Scanner, "ours".to_owned()));
    assert_eq!(verdict(own, &seen(1, CHROME, "")), (Audience::Unknown, "known-client".to_owned()));
    assert_eq!(verdict(own, &seen(1, "curl/8", "")), (Audience::Unknown, "command-line-client".to_owned()));
    assert_eq!(&*AudienceRules::with_own(own).unwrap().program(linux.agent).0, "House");
    let alone = format!("built_in = false\n{own}");
    assert_eq!(verdict(&alone, &seen(1, "curl/8", "")), (Audience::Unknown, "unknown-agent".to_owned()));
}
