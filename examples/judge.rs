//! Judges hits as the relay does: JSON lines on standard input, one delivery a line, and the same lines on standard output
//! with a verdict beside each hit that counts.
//!
//! `{"mx":"mx1.example","delivered_ms":0,"links":5,"hits":[{"at_ms":123,"kind":"click","method":"GET","position":3,
//! "address":"198.51.100.7","agent":"…","headers":{"sec-purpose":"prefetch"}}]}`. Whatever else stands in a line stays as it
//! is. Addresses are truncated as by default; `--rules FILE` uses other rules than the built-in ones.

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::net::IpAddr;

use postrider::domain::audience_judge::judge;
use postrider::domain::audience_rules::{Context, SeenHit};
use postrider::domain::event::Hit;
use postrider::domain::{AudienceRules, DeliveryId, Timestamp};
use postrider::tracking::{AddressKept, Heads, kept, signals};
use serde_json::{Value, json};

type Failed = Box<dyn std::error::Error>;

fn main() -> Result<(), Failed> {
    let rules = rules()?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    for (n, line) in BufReader::new(std::io::stdin().lock()).lines().enumerate() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let mut delivery: Value = serde_json::from_str(&line).map_err(|e| format!("line {}: {e}", n + 1))?;
        decide(&rules, &mut delivery);
        writeln!(out, "{delivery}")?;
    }
    Ok(out.flush()?)
}

fn rules() -> Result<AudienceRules, Failed> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Ok(AudienceRules::built_in()),
        ["--rules", file] => Ok(AudienceRules::with_own(&std::fs::read_to_string(file)?)?),
        _ => Err("usage: judge [--rules FILE] < deliveries.jsonl".into()),
    }
}

/// A hit as it is kept.
struct Kept {
    /// Its place in the line.
    index: usize,
    at: Timestamp,
    position: u16,
    address: String,
    agent: String,
    signals: u8,
}

fn decide(rules: &AudienceRules, delivery: &mut Value) {
    let number = |value: &Value| value.as_i64().unwrap_or_default();
    let context = Context {
        mx: delivery["mx"].as_str().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase(),
        delivered_at: delivery["delivered_ms"].as_i64().map(Timestamp::from_millis),
        first_try: delivery["first_try"].as_bool().unwrap_or(true),
        links: u16::try_from(number(&delivery["links"])).unwrap_or(u16::MAX),
    };
    let Some(hits) = delivery["hits"].as_array_mut() else { return };
    let counted = keep(hits);
    let seen = |hit: &Kept| (hit.at, hit.position, hit.signals);
    let views: Vec<SeenHit<'_>> = counted
        .iter()
        .map(|hit| {
            let (at, position, signals) = seen(hit);
            SeenHit { at, position, address: &hit.address, agent: &hit.agent, signals }
        })
        .collect();
    for (hit, verdict) in counted.iter().zip(judge(rules, &context, &views)) {
        let (family, device) = rules.program(&hit.agent);
        let verdict = json!({"class": verdict.class.as_str(), "rule": &*verdict.rule, "family": &*family, "device": device.as_str()});
        hits[hit.index]["verdict"] = verdict;
    }
}

/// The GETs, in order of time, each with what its HEAD told.
fn keep(hits: &[Value]) -> Vec<Kept> {
    let heads = Heads::default();
    let mut order: Vec<usize> = (0..hits.len()).collect();
    order.sort_by_key(|index| hits[*index]["at_ms"].as_i64().unwrap_or_default());
    let mut counted = Vec::new();
    for index in order {
        let hit = &hits[index];
        let text = |key: &str| hit[key].as_str().unwrap_or_default();
        let at = Timestamp::from_millis(hit["at_ms"].as_i64().unwrap_or_default());
        let position = match text("kind") {
            "open" => 0,
            _ => u16::try_from(hit["position"].as_i64().unwrap_or(1)).unwrap_or(u16::MAX),
        };
        let client: Option<IpAddr> = text("address").parse().ok();
        let asked = |client| (DeliveryId::from_raw(0), position, client);
        match (hit["method"].as_str().unwrap_or("GET"), client.map(asked)) {
            ("HEAD", Some((delivery, position, client))) => heads.remember(delivery, position, client, at),
            ("GET", asked) => {
                let came_first = asked.is_some_and(|(id, position, client)| heads.came_first(id, position, client, at));
                let said = signals(|name| field(&hit["headers"], name));
                counted.push(Kept {
                    index,
                    at,
                    position,
                    address: kept(client, AddressKept::Network),
                    agent: text("agent").to_owned(),
                    signals: said | if came_first { Hit::HEAD_CAME_FIRST } else { 0 },
                });
            }
            _ => {}
        }
    }
    counted
}

fn field<'v>(headers: &'v Value, name: &str) -> Option<&'v str> {
    let mut all = headers.as_object()?.iter();
    all.find(|(key, _)| key.eq_ignore_ascii_case(name)).and_then(|(_, value)| value.as_str())
}
