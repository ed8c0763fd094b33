//! A relay with something to show: mail caught in the sandbox, then campaigns that were delivered, refused and deferred,
//! opened and clicked by people and by machines.

use crate::harness::{Browser, Config, Mail, NameServer, Relay, Sink, Zone};

const PROXY: &str = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)";
const PREFETCH: &str = "Mozilla/5.0";
const SCANNER: &str = "Mimecast-Link-Checker/1.0";
const UNKNOWN: &str = "Mail-Program/1.0";
const PERSON: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/// The login that the welcome link makes.
pub const EMAIL: &str = "ann@own.example";
/// Its password.
pub const PASSWORD: &str = "correct horse battery";

/// The relay and those it delivers to.
pub struct Past {
    pub relay: Relay,
    /// The path of the link that makes the first login.
    pub welcome: String,
    pub sink: Sink,
    _dns: NameServer,
}

fn mail(campaign: &str, subject: &str) -> String {
    let head = format!("From: Meadow Shop <news@own.example>\r\nTo: you@elsewhere.example\r\nSubject: {subject}\r\n");
    let control = format!(
        "X-Postrider-Campaign: {campaign}\r\nX-Postrider-Tag: seasonal, shop\r\nX-Postrider-Metadata-segment: returning\r\n"
    );
    let html = "<html><body style=\"font-family:sans-serif\"><h1>Spring is here</h1><p>New seeds, bulbs and tools.</p>\
        <p><a href=\"https://shop.example/spring?utm_source=mail&amp;utm_campaign=spring\">See the collection</a></p>\
        <p><a href=\"https://shop.example/bulbs\">Bulbs</a> and <a href=\"https://shop.example/a-rather-long-path/that/goes/on/and/on/for-a-while/tools-for-small-gardens.html\">tools</a></p>\
        <p><a href=\"mailto:help@own.example\">Write to us</a></p></body></html>";
    let parts = format!(
        "MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=part\r\n\r\n--part\r\nContent-Type: text/plain\r\n\r\n\
         Spring is here: https://shop.example/spring\r\n--part\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{html}\r\n--part--\r\n"
    );
    head + &control + &parts
}

impl Past {
    pub async fn make() -> Self {
        let sink = Sink::start().await.unwrap();
        let mut zone = Zone::new().a("mx.b.example", "127.0.0.1").null_mx("nomail.example");
        zone = zone.a("mx.strict.example", "127.0.0.1").mx("strict.example", 10, "mx.strict.example");
        for domain in ["harbour.example", "hill.example", "library-of-the-old-town.example"] {
            zone = zone.mx(domain, 10, "mx.b.example");
        }
        let dns = zone.start().await;
        let config = Config::mx(dns.address(), sink.port()).set("delivery.retry", vec!["1h"]);
        let mut relay = config.set("delivery.mode", "sandbox").start().await;
        let welcome = relay.welcome();
        relay.command_text(&["domain", "add", "own.example"]).await;
        let caught = mail("welcome-series", "Welcome to the Meadow Shop");
        let readers = ["tess@reader.example", "noor@reader.example"];
        assert_eq!(relay.submit("bounces@own.example", &readers, &caught).await.code, 250);
        relay.wait_idle().await;

        let text = std::fs::read_to_string(relay.config_file()).unwrap();
        std::fs::write(relay.config_file(), text.replace("mode = \"sandbox\"", "mode = \"mx\"")).unwrap();
        relay.restart().await;
        let mut past = Self { relay, welcome, sink, _dns: dns };
        past.send().await;
        past.read().await;
        // A site that says that this is too fast.
        let late = mail("letter-november", "The November letter");
        assert_eq!(past.relay.submit("bounces@own.example", &["f421-wren@strict.example"], &late).await.code, 250);
        past.relay.wait_idle().await;
        past
    }

    async fn send(&mut self) {
        let mut to: Vec<_> = (1..=14).map(|n| format!("ok-reader{n}@harbour.example")).collect();
        to.extend((1..=7).map(|n| format!("ok-walker{n}@hill.example")));
        for other in [
            "ok-keeper@library-of-the-old-town.example",
            "permfail-moved@harbour.example",
            "full-box@hill.example",
            "spam-filter@harbour.example",
            "tempfail-busy@hill.example",
            "greylist-new@harbour.example",
            "anyone@nomail.example",
            "anyone@gone.example",
        ] {
            to.push(other.to_owned());
        }
        let to: Vec<_> = to.iter().map(String::as_str).collect();
        let relay = &mut self.relay;
        let spring = mail("spring-collection-2026", "Spring is here: seeds, bulbs and tools for small gardens");
        assert_eq!(relay.submit("bounces@own.example", &to, &spring).await.code, 250);
        let letter = mail("letter-november", "The November letter");
        assert_eq!(relay.submit("bounces@own.example", &to[..5], &letter).await.code, 250);
        // One mail a reader, treated in several ways.
        for n in 1..=9 {
            let mut one = mail("one-by-one", &format!("For reader {n}"));
            match n {
                4 => one = one.replace("X-Postrider-Tag", "X-Postrider-Track: clicks\r\nX-Postrider-Tag"),
                6 => one = one.replace("X-Postrider-Tag", "X-Postrider-Track: none\r\nX-Postrider-Tag"),
                8 => one = one.replace("mailto:help@own.example", "https://shop.example/help"),
                _ => {}
            }
            assert_eq!(relay.submit("bounces@own.example", &to[n..=n], &one).await.code, 250);
        }
        relay.wait_idle().await;
    }

    /// The pixels and links of the spring campaign, fetched by all kinds of readers.
    async fn read(&self) {
        for n in 1..=12 {
            let received = self.sink.received_by(&format!("ok-reader{n}@harbour.example"));
            let copy = received.iter().find(|copy| copy.text().contains("Subject: Spring")).unwrap();
            let mail = Mail::read(&copy.bytes);
            let (pixel, links) = (mail.pixel().unwrap(), mail.tracked_links());
            let agent = match n {
                1..=5 => PERSON,
                6..=7 => PROXY,
                8..=9 => PREFETCH,
                10 => UNKNOWN,
                _ => SCANNER,
            };
            self.relay.follow_as(&pixel, agent).await;
            if n <= 3 {
                self.relay.follow_as(&links[n - 1], PERSON).await;
            }
            if n > 10 {
                self.relay.follow_as(&links[0], SCANNER).await;
            }
        }
        self.relay.campaign_with("spring-collection-2026", "/clicked/total_events", 5).await;
        self.relay.campaign_with("spring-collection-2026", "/opened/total_events", 12).await;
    }

    /// A browser that has made the first login by the welcome link.
    pub async fn visit(&self, browser: &Browser) {
        browser.open(&self.welcome).await;
        browser.fill("input[name=email]", EMAIL).await;
        browser.fill("input[name=password]", PASSWORD).await;
        browser.click("form button").await;
        browser.reaches("/").await;
    }
}
