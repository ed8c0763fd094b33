//! No state changes but by our own forms.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Next;
use actix_web::{Error, HttpRequest, ResponseError as _};

use super::shell::Fault;

/// Refuses what changes something and comes from another site. A one-click unsubscribe (RFC 8058) comes from anywhere, and
/// is signed.
pub async fn only_own_forms(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if reads || request.path().starts_with("/u/") || is_own_form(request.request()) {
        return Ok(next.call(request).await?.map_into_left_body());
    }
    Ok(request.into_response(Fault::Foreign.error_response()).map_into_right_body())
}

/// Whether a form came from our own pages. Browsers say so in `Sec-Fetch-Site` where the connection is safe from others,
/// else in `Origin`; a program that sends neither has no cookie that somebody could borrow.
fn is_own_form(request: &HttpRequest) -> bool {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    match (header("sec-fetch-site"), header("origin")) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => origin.split_once("://").is_some_and(|(_, host)| Some(host) == header("host")),
        (None, None) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_other_sites_are_known() {
        let with = |headers: &[(&'static str, &'static str)]| {
            let mut request = actix_web::test::TestRequest::post();
            for header in headers {
                request = request.insert_header(*header);
            }
            is_own_form(&request.to_http_request())
        };
        assert!(with(&[("sec-fetch-site", "same-origin")]) && with(&[]));
        assert!(!with(&[("sec-fetch-site", "cross-site")]) && !with(&[("sec-fetch-site", "same-site")]));
        assert!(with(&[("origin", "http://a.example:1"), ("host", "a.example:1")]));
        assert!(!with(&[("origin", "http://b.example"), ("host", "a.example")]) && !with(&[("origin", "null")]));
    }
}
