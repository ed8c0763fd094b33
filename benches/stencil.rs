//! What rewriting costs: compile, stamp, proof and DKIM of a newsletter, beside a plain copy of it, what lol_html needs to
//! rewrite the same page itself, and one RSA-2048 signature. All of it in turn, round by round, so that whatever else the
//! machine does meets all alike: only the ratios of one run mean anything.
//!
//! `cargo bench --bench stencil [-- FILTER]`; FILTER is part of an input's name, as in `50 kB, base64`. What is measured is
//! checked first: each copy stands its proof, and the other rewriter changed as many links.
#![expect(clippy::unwrap_used, reason = "a tool for developers; it ends where it fails")]
#![expect(clippy::disallowed_methods, reason = "a stopwatch")]
#![expect(clippy::cast_precision_loss, reason = "figures for people")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lol_html::html_content::ContentType;
use lol_html::{HtmlRewriter, Settings, element};
use postrider::domain::{DeliveryId, Domain, Timestamp, TokenKey, TokenKeys};
use postrider::mail::dkim::{self, Canonical, Signer};
use postrider::mail::plan::{PixelPlace, Plan, Switches};
use postrider::mail::proof;
use postrider::mail::stencil::Stencil;

/// The program's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 21;
/// What one measurement takes at least.
const SLICE: Duration = Duration::from_millis(2);
const BASE_URL: &str = "https://t.shop.example";
const DELIVERY: DeliveryId = DeliveryId::from_raw(0x0123_4567_89ab_cdef);
/// Octets that a DKIM signature is made over, about.
const SIGNED: [u8; 900] = [b'x'; 900];

/// A newsletter as it comes, and its HTML.
struct Input {
    name: String,
    raw: Vec<u8>,
    page: String,
    links: usize,
}

/// A page with tables, inline styles, tracked links and a comment for Outlook, of about a size.
fn page(size: usize) -> (String, usize) {
    let most = (size / 400).clamp(4, 40);
    let mut page = String::from(
        "<!doctype html>\r\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Letter from the river</title>\r\n\
        <style>\r\n  .story p { margin: 0 0 12px; color: #222222 }\r\n  @media (max-width: 600px) { .wide { width: 100% !important } }\r\n</style></head>\r\n\
        <body style=\"margin:0;padding:0;background-color:#f4f4f4\">\r\n<!--[if mso]><table width=\"600\"><tr><td><a href=\"https://shop.example/outlook\">Read</a></td></tr></table><![endif]-->\r\n\
        <table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\"><tr><td align=\"center\">\r\n",
    );
    let (mut links, mut story) = (1, 0);
    while page.len() + 60 < size {
        story += 1;
        page.push_str(
            "<table class=\"wide\" width=\"600\" style=\"border-collapse:collapse;background-color:#ffffff\"><tr>\r\n",
        );
        page.push_str("<td class=\"story\" style=\"padding:20px;font-family:Arial,Helvetica,sans-serif;font-size:15px;line-height:22px\">\r\n");
        if links < most {
            links += 1;
            page.push_str(&format!("<a href=\"https://shop.example/story/{story}?utm_source=letter&amp;utm_campaign=river&amp;n={story}\" style=\"color:#0055aa\"><b>Story {story}</b></a>\r\n"));
        }
        // As many stories as links, whatever the size.
        for _ in 0..(size / most).saturating_sub(420) / 160 {
            page.push_str("<p style=\"margin:0\">The river was high that week and the roads were slow, so this letter is longer. Gr\u{fc}\u{df}e, caf\u{e9}, 10&nbsp;\u{20ac} for both.</p>\r\n");
        }
        page.push_str("</td></tr></table>\r\n");
    }
    page.push_str("</td></tr></table>\r\n</body></html>\r\n");
    (page, links)
}

fn input(size: usize, transfer: &str) -> Input {
    let (page, links) = page(size);
    let body = match transfer {
        "quoted-printable" => quoted_printable::encode_to_str(&page),
        "base64" => {
            let lines: Vec<_> = STANDARD.encode(&page).as_bytes().chunks(76).map(<[u8]>::to_vec).collect();
            String::from_utf8(lines.join(&b"\r\n"[..])).unwrap()
        }
        _ => page.clone(),
    };
    let raw = format!(
        "From: Letters <news@shop.example>\r\nTo: Reader <reader@sink.example>\r\nSubject: Letter from the river\r\n\
        Date: Tue, 24 Nov 2026 09:00:00 +0000\r\nMessage-ID: <1@shop.example>\r\nMIME-Version: 1.0\r\n\
        Content-Type: multipart/alternative; boundary=\"=_river\"\r\n\r\n--=_river\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\
        Read it in the browser: https://shop.example/letter\r\n--=_river\r\nContent-Type: text/html; charset=utf-8\r\n\
        Content-Transfer-Encoding: {transfer}\r\n\r\n{body}\r\n--=_river--\r\n"
    );
    Input { name: format!("{} kB, {transfer}", size / 1_000), raw: raw.into_bytes(), page, links }
}

/// The page as lol_html's own rewriter leaves it.
fn rewritten(page: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(page.len() * 2);
    let link = element!("a[href]", |a| {
        a.set_attribute("href", "https://t.shop.example/c/x")?;
        Ok(())
    });
    let pixel = element!("body", |body| {
        body.append(
            "<img src=\"https://t.shop.example/o/x.gif\" alt=\"\" width=\"1\" height=\"1\">",
            ContentType::Html,
        );
        Ok(())
    });
    let settings = Settings::new().append_element_content_handler(link).append_element_content_handler(pixel);
    let mut rewriter = HtmlRewriter::new(settings, |bytes: &[u8]| out.extend_from_slice(bytes));
    rewriter.write(page.as_bytes()).unwrap();
    rewriter.end().unwrap();
    out
}

struct Bench<'a> {
    plan: Plan<'a>,
    keys: TokenKeys,
    signer: Signer,
    rsa: KeyPair,
}

impl Bench<'_> {
    fn compile(&self, input: &Input) -> Stencil {
        Stencil::compile(&input.raw, &self.plan)
    }

    fn stamp(&self, stencil: &Stencil, input: &Input, delivery: DeliveryId) -> Vec<u8> {
        stencil.stamp(&input.raw, delivery, self.keys.current())
    }

    fn prove(&self, input: &Input, copy: &[u8], delivery: DeliveryId) {
        let proved = proof::check(&input.raw, copy, &self.plan, &self.keys, delivery);
        assert_eq!(proved, Ok(()), "{}: a copy does not stand its proof", input.name);
    }

    fn rsa(&self) -> Vec<u8> {
        let mut signature = vec![0; self.rsa.public_modulus_len()];
        self.rsa.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), &SIGNED, &mut signature).unwrap();
        signature
    }

    fn dkim(&self, copy: &[u8]) -> Vec<u8> {
        self.signer.sign(&Canonical::read(copy).unwrap(), Timestamp::from_millis(1_000_000)).unwrap()
    }

    /// A bench of wrong output is worthless.
    fn check(&self, input: &Input) {
        let stencil = self.compile(input);
        assert!(stencil.has_pixel() && stencil.links().len() == input.links, "{}: {:?}", input.name, stencil.receipt());
        for n in 0..20 {
            let delivery = DeliveryId::from_raw(DELIVERY.raw() - n);
            let copy = self.stamp(&stencil, input, delivery);
            self.prove(input, &copy, delivery);
            assert_eq!(copy.len() as u64, stencil.receipt().size_out, "{}", input.name);
        }
        let theirs = String::from_utf8(rewritten(&input.page)).unwrap();
        // It looks into no conditional comment.
        assert_eq!((theirs.matches("/c/x").count(), theirs.matches("/o/x").count()), (input.links - 1, 1));
    }

    fn measure(&self, input: &Input) {
        let stencil = self.compile(input);
        let copy = self.stamp(&stencil, input, DELIVERY);
        let size = input.raw.len();
        let works: [(&str, usize, &dyn Fn()); 9] = [
            ("RSA-2048 signature", 0, &|| drop(black_box(self.rsa()))),
            ("plain copy", size, &|| drop(black_box(black_box(&input.raw).clone()))),
            ("lol_html rewrites", input.page.len(), &|| drop(black_box(rewritten(&input.page)))),
            ("compile", size, &|| drop(black_box(self.compile(input)))),
            ("stamp", size, &|| drop(black_box(self.stamp(&stencil, input, DELIVERY)))),
            ("compile and stamp", size, &|| {
                drop(black_box(self.stamp(&self.compile(input), input, DELIVERY)));
            }),
            ("proof", size, &|| self.prove(input, &copy, DELIVERY)),
            ("DKIM, hash and sign", copy.len(), &|| drop(black_box(self.dkim(&copy)))),
            ("all, for one recipient", size, &|| {
                let copy = self.stamp(&self.compile(input), input, DELIVERY);
                self.prove(input, &copy, DELIVERY);
                black_box(self.dkim(&copy));
            }),
        ];
        let times: Vec<usize> = works.iter().map(|(_, _, work)| times(work)).collect();
        let rounds: Vec<Vec<f64>> = (0..ROUNDS)
            .map(|_| works.iter().zip(&times).map(|((_, _, work), times)| micros(work, *times)).collect())
            .collect();
        println!("{} ({size} octets, {} links)", input.name, input.links);
        println!("{:24}{:>10}{:>9}{:>9}{:>9}{:>12}", "", "us", "MB/s", "/ RSA", "/ copy", "/ lol_html");
        for (n, (name, octets, _)) in works.iter().enumerate() {
            let ratio = |other: usize| median(rounds.iter().map(|round| round[n] / round[other]));
            let micros = median(rounds.iter().map(|round| round[n]));
            let speed = if *octets == 0 { "-".to_owned() } else { format!("{:.0}", *octets as f64 / micros) };
            println!("  {name:22}{micros:>10.1}{speed:>9}{:>9.3}{:>9.1}{:>12.2}", ratio(0), ratio(1), ratio(2));
        }
    }
}

/// How often a work fits into one measurement.
fn times(work: &dyn Fn()) -> usize {
    let start = Instant::now();
    let mut times = 0;
    while start.elapsed() < SLICE {
        work();
        times += 1;
    }
    times
}

fn micros(work: &dyn Fn(), times: usize) -> f64 {
    let start = Instant::now();
    for _ in 0..times {
        work();
    }
    start.elapsed().as_secs_f64() * 1e6 / times as f64
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = figures.collect();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

fn main() {
    // cargo adds `--bench`.
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with("--")).unwrap_or_default();
    let (der, _) = dkim::generate_rsa().unwrap();
    let domain = Domain::parse("shop.example").unwrap();
    let switches = Switches { pixel: PixelPlace::Bottom, ..Switches::default() };
    let bench = Bench {
        plan: Plan {
            prepend: b"Received: from sender by relay; Tue, 24 Nov 2026 09:00:00 +0000\r\n",
            base_url: BASE_URL,
            unsubscribe: true,
            switches: &switches,
            signing_domains: std::slice::from_ref(&domain),
            vendor_headers: true,
        },
        keys: TokenKeys::new(TokenKey::new(1, [7; 32]), Vec::new()),
        signer: Signer::from_pkcs8(&domain, "pr1", &der).unwrap(),
        rsa: KeyPair::from_pkcs8(&der).unwrap(),
    };
    let sizes = [5_000, 50_000, 200_000].into_iter();
    let inputs: Vec<_> =
        sizes.flat_map(|size| ["quoted-printable", "base64", "8bit"].map(|t| input(size, t))).collect();
    let chosen: Vec<_> = inputs.iter().filter(|input| input.name.contains(&filter)).collect();
    assert!(!chosen.is_empty(), "no input's name holds {filter:?}");
    chosen.iter().for_each(|input| bench.check(input));
    chosen.iter().for_each(|input| bench.measure(input));
}
