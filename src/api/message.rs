//! One mail: its state, its tries and what was changed in it.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::{Api, answer, authorised, failed, store_failed};
use crate::domain::{DeliveryId, Fact};
use crate::store::view::{DeliveryReport, Receipt, ReceiptKind, ReceiptLink, Repeat, TimelineEntry};

/// GET /api/v1/messages/{id}; the id is the one in the page's address.
pub(super) async fn message(request: HttpRequest, api: web::Data<Api>, id: web::Path<String>) -> HttpResponse {
    if let Err(refusal) = authorised(&request, &api) {
        return refusal;
    }
    let Ok(id) = id.parse::<DeliveryId>() else { return failed(404, "there is no mail of this id") };
    match api.reports.delivery(id).await {
        Ok(Some(report)) => answer(&report_json(&report)),
        Ok(None) => failed(404, "there is no mail of this id"),
        Err(error) => store_failed(&error),
    }
}

fn report_json(report: &DeliveryReport) -> Value {
    let row = &report.row;
    json!({
        "id": row.delivery.to_string(), "message": row.message.to_string(), "campaign": row.campaign_name,
        "mode": row.mode.as_str(), "recipient": row.recipient, "subject": row.subject, "state": row.state.as_str(),
        "accepted_at": row.accepted_at.rfc3339(), "body_kept": report.body_kept,
        "attempts": report.timeline.iter().filter_map(attempt_json).collect::<Vec<_>>(),
        "repeats": report.repeats.iter().map(repeat_json).collect::<Vec<_>>(),
        "receipt": receipt_json(&report.receipt),
    })
}

fn repeat_json(repeat: &Repeat) -> Value {
    json!({
        "first": repeat.first.to_string(), "again": repeat.again.map(|id| id.to_string()), "times": repeat.times,
        "recipients": repeat.recipients, "first_at": repeat.first_at.rfc3339(), "last_at": repeat.last_at.rfc3339(),
    })
}

fn attempt_json(entry: &TimelineEntry) -> Option<Value> {
    let (Fact::Deferred { attempt, .. }
    | Fact::Delivered { attempt, .. }
    | Fact::Bounced { attempt, .. }
    | Fact::Expired { attempt, .. }) = &entry.event.fact
    else {
        return None;
    };
    Some(json!({
        "n": attempt.n, "at": entry.event.at.rfc3339(), "outcome": entry.event.fact.kind().as_str(),
        "mx": attempt.mx, "ip": attempt.ip, "tls": attempt.tls, "certificate": attempt.certificate,
        "code": attempt.code, "enhanced": attempt.enhanced, "ms": attempt.ms, "reply": entry.reply,
    }))
}

/// Messages that were treated alike; where links lead is that of the sample.
pub(super) fn kind_json(kind: &ReceiptKind) -> Value {
    json!({
        "messages": kind.messages, "rest": kind.rest, "sample": kind.sample.map(|id| id.to_string()),
        "receipt": kind.receipt.as_ref().map(receipt_json),
    })
}

fn receipt_json(receipt: &Receipt) -> Value {
    let signature = |(domain, selector): &(String, String)| json!({"domain": domain, "selector": selector});
    json!({
        "summary": receipt.summary(), "links": receipt.links.iter().map(link_json).collect::<Vec<_>>(),
        "pixel": receipt.pixel, "untracked": receipt.untracked, "unsubscribe": receipt.unsubscribe,
        "signed_by": receipt.signed_by.iter().map(signature).collect::<Vec<_>>(), "control": receipt.control,
        "limits": receipt.limits, "size_in": receipt.size_in, "size_out": receipt.size_out,
        "growth": receipt.growth,
    })
}

fn link_json(link: &ReceiptLink) -> Value {
    json!({"url": link.url, "label": link.label, "position": link.position, "left_alone": link.left_alone,
        "in_text": link.in_text})
}
