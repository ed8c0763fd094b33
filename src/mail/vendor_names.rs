//! The names of hosted relays' control headers.
//!
//! Only those that a sender sets are known here, one by one: `X-MC-Unique`, `X-SES-Outgoing`, `X-PM-Message-Id`,
//! `X-Mailgun-Sid` and their like are traces that other relays left, and stay.

/// `X-PM-Metadata-key: value`.
pub(super) const POSTMARK_METADATA: &str = "x-pm-metadata-";

/// What a field of a known name means.
#[derive(Clone, Copy)]
pub(super) enum Meaning {
    Tags,
    Mailgun(Toggle),
    PostmarkOpens,
    PostmarkLinks,
    MandrillTrack,
    SesTags,
    Metadata,
    SendGrid,
    SparkPost,
    /// RFC 5322 date, or as Mandrill writes it.
    SendAt,
    /// A trial that must reach nobody.
    Drop,
    /// Known, and not to be had here.
    Unsupported,
}

#[derive(Clone, Copy)]
pub(super) enum Toggle {
    All,
    Clicks,
    Opens,
    PixelTop,
}

pub(super) const KNOWN: &[(&str, Meaning)] = &[
    ("x-mailgun-tag", Meaning::Tags),
    ("x-mailgun-track", Meaning::Mailgun(Toggle::All)),
    ("x-mailgun-track-clicks", Meaning::Mailgun(Toggle::Clicks)),
    ("x-mailgun-track-opens", Meaning::Mailgun(Toggle::Opens)),
    ("x-mailgun-track-pixel-location-top", Meaning::Mailgun(Toggle::PixelTop)),
    ("x-mailgun-variables", Meaning::Metadata),
    ("x-mailgun-drop-message", Meaning::Drop),
    ("x-mailgun-deliver-by", Meaning::SendAt),
    ("x-mailgun-archive-to", Meaning::Unsupported),
    ("x-mailgun-deliver-within", Meaning::Unsupported),
    ("x-mailgun-delivery-time-optimize-period", Meaning::Unsupported),
    ("x-mailgun-dkim", Meaning::Unsupported),
    ("x-mailgun-require-tls", Meaning::Unsupported),
    ("x-mailgun-secondary-dkim", Meaning::Unsupported),
    ("x-mailgun-secondary-dkim-public", Meaning::Unsupported),
    ("x-mailgun-skip-verification", Meaning::Unsupported),
    ("x-mailgun-suppress-headers", Meaning::Unsupported),
    ("x-mailgun-time-zone-localize", Meaning::Unsupported),
    ("x-mailgun-recipient-variables", Meaning::Unsupported),
    ("x-mailgun-template-name", Meaning::Unsupported),
    ("x-mailgun-template-variables", Meaning::Unsupported),
    ("x-ses-configuration-set", Meaning::Unsupported),
    ("x-ses-message-tags", Meaning::SesTags),
    ("x-ses-source-arn", Meaning::Unsupported),
    ("x-ses-from-arn", Meaning::Unsupported),
    ("x-ses-return-path-arn", Meaning::Unsupported),
    ("x-ses-list-management-options", Meaning::Unsupported),
    ("x-pm-tag", Meaning::Tags),
    ("x-pm-trackopens", Meaning::PostmarkOpens),
    ("x-pm-tracklinks", Meaning::PostmarkLinks),
    ("x-pm-message-stream", Meaning::Unsupported),
    ("x-pm-bounce-type", Meaning::Unsupported),
    ("x-mc-tags", Meaning::Tags),
    ("x-mc-track", Meaning::MandrillTrack),
    ("x-mc-metadata", Meaning::Metadata),
    ("x-mc-sendat", Meaning::SendAt),
    ("x-mc-autohtml", Meaning::Unsupported),
    ("x-mc-autotext", Meaning::Unsupported),
    ("x-mc-bccaddress", Meaning::Unsupported),
    ("x-mc-googleanalytics", Meaning::Unsupported),
    ("x-mc-googleanalyticscampaign", Meaning::Unsupported),
    ("x-mc-important", Meaning::Unsupported),
    ("x-mc-inlinecss", Meaning::Unsupported),
    ("x-mc-ippool", Meaning::Unsupported),
    ("x-mc-mergelanguage", Meaning::Unsupported),
    ("x-mc-mergevars", Meaning::Unsupported),
    ("x-mc-preserverecipients", Meaning::Unsupported),
    ("x-mc-returnpathdomain", Meaning::Unsupported),
    ("x-mc-signingdomain", Meaning::Unsupported),
    ("x-mc-subaccount", Meaning::Unsupported),
    ("x-mc-template", Meaning::Unsupported),
    ("x-mc-trackingdomain", Meaning::Unsupported),
    ("x-mc-urlstripqs", Meaning::Unsupported),
    ("x-mc-viewcontentlink", Meaning::Unsupported),
    ("x-smtpapi", Meaning::SendGrid),
    ("x-msys-api", Meaning::SparkPost),
];

/// Whether a field is a vendor's control header.
pub fn is_control(name: &[u8]) -> bool {
    let metadata = POSTMARK_METADATA.as_bytes();
    name.get(..metadata.len()).is_some_and(|head| head.eq_ignore_ascii_case(metadata)) || meaning(name).is_some()
}

pub(super) fn meaning(name: &[u8]) -> Option<Meaning> {
    if !name.get(..2).is_some_and(|head| head.eq_ignore_ascii_case(b"x-")) {
        return None;
    }
    KNOWN.iter().find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes())).map(|(_, meaning)| *meaning)
}
