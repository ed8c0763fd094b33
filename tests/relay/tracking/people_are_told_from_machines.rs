//! People, proxies and machines of the simulated audience (`docs/AUDIENCE.md`), and that its score finds wrong verdicts.

use serde_json::{Value, json};

use crate::harness::{audience, fed, program, run};

/// The half that rules may be written by: the other is for `tests/audience/report.py`.
async fn simulated(deliveries: &str) -> Vec<Value> {
    let mut simulator = audience("simulate.py");
    simulator.args(["--seed", "7", "--half", "a", "--deliveries", deliveries]);
    let output = run(simulator).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    lines(&output.stdout)
}

fn lines(bytes: &[u8]) -> Vec<Value> {
    String::from_utf8_lossy(bytes).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What the score ends with, and its figures.
async fn scored(deliveries: &[Value]) -> (Option<i32>, Value) {
    let text = deliveries.iter().map(|delivery| format!("{delivery}\n")).collect::<String>();
    let mut score = audience("score.py");
    score.arg("--json");
    let output = fed(score, text.into_bytes()).await;
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_default())
}

/// Every request that is a hit, in order.
fn hits(deliveries: &mut [Value]) -> impl Iterator<Item = &mut Value> {
    let all = deliveries.iter_mut().flat_map(|delivery| delivery["hits"].as_array_mut().unwrap());
    all.filter(|hit| hit["method"] == "GET")
}

fn share(figures: &Value, scope: &str, name: &str) -> f64 {
    figures["overall"]["human_clicks"][scope][name]["share"].as_f64().unwrap_or_default()
}

/// The deliveries with the verdicts of the relay's own rules.
async fn judged(deliveries: &[Value]) -> Vec<Value> {
    // Cargo builds examples beside tests.
    let judge = std::env::current_exe().unwrap().parent().unwrap().with_file_name("examples/judge");
    let text = deliveries.iter().map(|delivery| format!("{delivery}\n")).collect::<String>();
    let output = fed(program(judge), text.into_bytes()).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    lines(&output.stdout)
}

#[tokio::test]
async fn people_are_told_from_machines() {
    let judged = judged(&simulated("10").await).await;
    let (code, figures) = scored(&judged).await;
    let human = &figures["overall"]["human_clicks"]["decidable"];
    // The goals: precision 0.98 and recall 0.95 of people's clicks that can be decided. This run has 1 and 0.99, so both
    // hold with room for another choice of rules.
    assert_eq!(code, Some(0), "{human:#}");
}

#[tokio::test]
async fn wrong_verdicts_are_found() {
    let mut deliveries = simulated("4").await;
    // Without verdicts there is nothing to score.
    assert_eq!(scored(&deliveries).await.0, Some(2));
    for hit in hits(&mut deliveries) {
        hit["verdict"] = json!({"class": hit["truth"], "rule": "truth"});
    }
    let (code, figures) = scored(&deliveries).await;
    assert_eq!((code, share(&figures, "all", "precision"), share(&figures, "all", "recall")), (Some(0), 1.0, 1.0));
    // The same verdicts, each at another request.
    let mut verdicts = hits(&mut deliveries).map(|hit| hit["verdict"].clone()).collect::<Vec<_>>();
    let third = verdicts.len() / 3;
    verdicts.rotate_left(third);
    for (hit, verdict) in hits(&mut deliveries).zip(verdicts) {
        hit["verdict"] = verdict;
    }
    let (code, figures) = scored(&deliveries).await;
    assert_eq!(code, Some(1), "{figures}");
    assert!(share(&figures, "decidable", "recall") < 0.9 && share(&figures, "decidable", "precision") < 0.9);
    // One class for all misses the other goal: nobody is overlooked, and machines pass for people.
    for hit in hits(&mut deliveries) {
        hit["verdict"] = json!({"class": "human", "rule": "all"});
    }
    let (code, figures) = scored(&deliveries).await;
    assert_eq!((code, share(&figures, "decidable", "recall")), (Some(1), 1.0));
}
