//! What happens to a message between its final dot and the answer: who may send it, what its control headers say, what is
//! put on top of it, and the one hop to the writer.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::{Submitted, unsubscribe};
use crate::clock::Clock;
use crate::domain::{Campaign, DeliveryId, Domain, Mode, Profile, Timestamp, TokenKeys};
use crate::domain::{campaign, priority, suppression};
use crate::mail::cache::{Compiled, StencilCache};
use crate::mail::control::{self, Control};
use crate::mail::header::HeaderBlock;
use crate::mail::outline::Outline;
use crate::mail::plan::PixelPlace;
use crate::mail::proof;
use crate::mail::receipt::Receipt;
use crate::mail::recipe::{RENDERER, Recipe, SignersFor};
use crate::mail::sevenbit;
use crate::mail::stencil::Stencil;
use crate::smtp::reply::Reply;
use crate::store::{Admission, Due, Queue, StoreError, Taken};
use crate::work;

/// Mail may be scheduled this far ahead.
const SEND_AT_MAX: Duration = Duration::from_hours(720);
/// A transactional mail is given up after this at the latest: a late password reset is of no use.
const TRANSACTIONAL_LIFE_MAX: Duration = Duration::from_hours(24);
/// Any delivery will do for the proof: all tokens of a link have one length.
const PROOF_DELIVERY: DeliveryId = DeliveryId::from_raw(i64::MAX);

/// What intake goes by.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own in the configuration")]
pub struct IntakeSettings {
    /// The relay's name in `Received` and `Message-ID`.
    pub hostname: Domain,
    /// Whether mail leaves the house.
    pub mode: Mode,
    /// The tracking host's URL, without a final slash.
    pub base_url: String,
    /// Whether campaign mail gets a pixel.
    pub opens: bool,
    /// Whether the links of campaign mail are rewritten.
    pub clicks: bool,
    /// Whether links in the plain text of campaign mail are rewritten, where the mail does not say.
    pub text_links: bool,
    /// Whether campaign mail that lacks it gets `List-Unsubscribe`.
    pub unsubscribe: bool,
    /// Hosts whose links stay.
    pub exclude_hosts: Vec<Domain>,
    /// Whether links whose text is another house's URL are rewritten too.
    pub track_visible_urls: bool,
    /// Whether hosted relays' control headers are read, and removed.
    pub vendor_headers: bool,
    /// Where the pixel goes, where the mail does not say.
    pub pixel: PixelPlace,
    /// How long a delivery lives.
    pub expire: Duration,
}

/// Told of every accepted delivery, after its commit.
pub type Accepted = Arc<dyn Fn(Vec<Due>) + Send + Sync>;

/// Takes finished messages.
#[derive(Clone)]
pub struct Intake {
    /// Where they go.
    pub queue: Queue,
    /// What was compiled here is stamped elsewhere.
    pub cache: Arc<StencilCache>,
    /// Signs tokens.
    pub keys: Arc<TokenKeys>,
    /// What it goes by.
    pub settings: Arc<IntakeSettings>,
    /// Who signs.
    pub signers_for: SignersFor,
    /// Who delivers.
    pub accepted: Accepted,
    /// Time.
    pub clock: Clock,
    /// Chance.
    pub random: fn() -> u64,
}

/// A message that was read and compiled, on the heap because it travels between threads.
struct Prepared {
    admission: Admission,
    compiled: Compiled,
    /// Whether it came with a Message-ID, so that it is known when it comes again.
    named: bool,
}

/// Octets of a copy whose long lines are encoded.
type Shortened = Option<u64>;

impl Intake {
    /// Takes a message. A positive reply means that it is on the disk.
    pub async fn accept(&self, submitted: Submitted) -> Reply {
        let own = self.clone();
        let (now, random) = (self.clock.now(), (self.random)());
        let octets = submitted.body.len();
        let prepared = work::on(octets, move || own.prepare(&submitted, now, random)).await;
        let Prepared { admission, compiled, named } = match prepared {
            Ok(Ok(prepared)) => *prepared,
            Ok(Err(refusal)) => return refusal,
            Err(error) => {
                tracing::error!(error, "a message could not be read");
                return Reply::new(451, (4, 3, 0), "the message could not be processed; try again later");
            }
        };
        let size = admission.body.len();
        let (campaign, credential) = (admission.campaign.name().to_owned(), admission.credential.clone());
        match self.queue.submit(admission, named).await {
            Ok(Taken { message, dues, repeats }) => {
                for (first, recipients) in repeats {
                    tracing::info!(mail = %first, again = %message, recipients, campaign, credential, "repeated");
                }
                let recipients = dues.len();
                if recipients > 0 {
                    self.cache.put(message, Arc::new(compiled));
                    (self.accepted)(dues);
                    tracing::info!(mail = %message, recipients, size_bytes = size, campaign, credential, "accepted");
                }
                Reply::new(250, (2, 0, 0), format!("queued as {message}"))
            }
            Err(error) => refusal(&error),
        }
    }

    fn prepare(&self, submitted: &Submitted, now: Timestamp, random: u64) -> Result<Box<Prepared>, Reply> {
        let raw: Arc<[u8]> = Arc::from(submitted.body.as_slice());
        let header = HeaderBlock::read(&raw);
        check_sender(&header, submitted)?;
        let mut control = control::read(&header, self.settings.vendor_headers);
        let named = control.campaign.as_deref().or(submitted.campaign.as_deref());
        let list = if named.is_none() { header.list_id() } else { None };
        let category = control.category.as_deref().filter(|_| list.is_none());
        let mode = if control.sandbox { Mode::Sandbox } else { self.settings.mode };
        let campaign = Campaign::new(named.or(category).unwrap_or(campaign::NONE), mode);
        let due_at = send_at(&mut control, now);
        let from = unsubscribe::from_domain(&header);
        let from_signs = from.as_ref().is_some_and(|domain| !(self.signers_for)(domain).is_empty());
        let leaves = unsubscribe::decide(&header, submitted.credential.profile, &self.settings, from_signs);
        let stream = suppression::stream_of(header.list_id().as_deref(), from.as_ref());
        let recipe = Recipe { unsubscribe: leaves.is_ok(), ..self.recipe(&header, submitted, &control, now, random) };
        let (compiled, shortened) = self.compile(&raw, recipe, submitted);
        let (stencil, recipe) = (&compiled.stencil, &compiled.recipe);
        let transactional = submitted.credential.profile == Profile::Transactional;
        let usual = if transactional { self.settings.expire.min(TRANSACTIONAL_LIFE_MAX) } else { self.settings.expire };
        let life = submitted.credential.expire.unwrap_or(usual);
        let receipt = Receipt {
            unsubscribe: unsubscribe::clause(leaves, &stream),
            signed_by: recipe.signers.clone(),
            control: control.complaints.clone(),
            size_out: shortened.unwrap_or(stencil.receipt().size_out),
            ..stencil.receipt().clone()
        };
        let links = stencil.links().iter().map(|l| (l.position, l.target.clone(), l.label.clone())).collect();
        let message_id = header.text("Message-ID");
        let named = !message_id.is_empty();
        let admission = Admission {
            campaign,
            list,
            credential: submitted.credential.name.clone(),
            reverse_path: submitted.envelope.reverse_path.clone(),
            recipients: submitted.envelope.forward_paths.clone(),
            wishes: submitted.envelope.wishes.clone(),
            from_text: header.text("From"),
            subject: header.text("Subject"),
            message_id: if named { message_id } else { self.made_message_id(random) },
            tags: control.tags,
            metadata: control.metadata,
            receipt,
            recipe: recipe.to_json(),
            body: raw,
            pixel: stencil.has_pixel(),
            links,
            alike: stencil.is_alike(),
            lane: priority::fresh_lane(transactional, submitted.credential.priority),
            stream,
            transactional,
            accepted_at: now,
            due_at,
            expires_at: due_at + life,
        };
        Ok(Box::new(Prepared { admission, compiled, named }))
    }

    fn recipe(
        &self,
        header: &HeaderBlock<'_>,
        submitted: &Submitted,
        control: &Control,
        now: Timestamp,
        random: u64,
    ) -> Recipe {
        let settings = &self.settings;
        let campaign_mail = submitted.credential.profile == Profile::Campaign;
        let track = control.track.unwrap_or_default();
        let domains: HashSet<Domain> = header
            .from_addresses()
            .iter()
            .filter_map(|address| Domain::parse(address.rsplit_once('@')?.1).ok())
            .collect();
        let mut signers: Vec<_> = domains.iter().flat_map(|domain| (self.signers_for)(domain)).collect();
        signers.sort();
        Recipe {
            renderer: RENDERER,
            prepend: self.prepend(header, submitted, now, random),
            base_url: settings.base_url.clone(),
            opens: settings.opens && campaign_mail && track.opens.unwrap_or(true),
            clicks: settings.clicks && campaign_mail && track.clicks.unwrap_or(true),
            text: campaign_mail && track.text.unwrap_or(settings.text_links),
            exclude_hosts: settings.exclude_hosts.iter().map(ToString::to_string).collect(),
            track_visible_urls: settings.track_visible_urls,
            pixel: match control.pixel_top {
                Some(true) => PixelPlace::Top,
                Some(false) => PixelPlace::Bottom,
                None => settings.pixel,
            },
            unsubscribe: false,
            key: self.keys.current().id,
            signed_at: now.millis(),
            signers,
            utf8: submitted.utf8,
            vendor_headers: settings.vendor_headers,
            short_lines: false,
            untracked: None,
            source_addresses: submitted.credential.source_addresses.clone(),
        }
    }

    fn compile(&self, raw: &Arc<[u8]>, recipe: Recipe, submitted: &Submitted) -> (Compiled, Shortened) {
        let stencil = recipe.compile(raw);
        let tracked = stencil.has_pixel() || !stencil.links().is_empty();
        let proved = if tracked { self.prove(raw, &recipe, &stencil) } else { Ok(()) };
        let (recipe, stencil) = match proved {
            Ok(()) => (recipe, stencil),
            Err(difference) => {
                tracing::warn!(%difference, "a rewritten message did not stand its proof; it goes out untracked");
                let why = format!("the rewritten copy did not stand its proof: {difference}");
                let recipe = Recipe { untracked: Some(why), ..recipe };
                let stencil = recipe.compile(raw);
                (recipe, stencil)
            }
        };
        let shortened = self.shortened(raw, &stencil);
        let recipe = Recipe { short_lines: shortened.is_some(), ..recipe };
        let (reverse_path, wishes) = (submitted.envelope.reverse_path.clone(), submitted.envelope.wishes.clone());
        (Compiled { raw: Arc::clone(raw), stencil, recipe, reverse_path, wishes: Arc::new(wishes) }, shortened)
    }

    /// How long the copies are where they keep lines that are longer than a server has to take, in parts that can be
    /// encoded. Most mail has none to begin with, and where two readers could disagree about the parts, all stays.
    fn shortened(&self, raw: &[u8], stencil: &Stencil) -> Shortened {
        let may = sevenbit::has_long_line(raw) && Outline::read(raw).is_ok();
        let copy = may.then(|| sevenbit::shorten(&self.sample(raw, stencil)).ok())??;
        Some(copy.len() as u64)
    }

    fn sample(&self, raw: &[u8], stencil: &Stencil) -> Vec<u8> {
        stencil.stamp(raw, PROOF_DELIVERY, self.keys.current())
    }

    /// The second reader: other code decodes and tokenises a copy and must find the original in it.
    fn prove(&self, raw: &[u8], recipe: &Recipe, stencil: &Stencil) -> Result<(), proof::Difference> {
        let copy = self.sample(raw, stencil);
        recipe.with_plan(|plan| proof::check(raw, &copy, plan, &self.keys, PROOF_DELIVERY))
    }

    /// `Received` (RFC 5321 section 4.4), and `Message-ID` and `Date` where they are missing (RFC 5322 section 3.6).
    fn prepend(&self, header: &HeaderBlock<'_>, submitted: &Submitted, now: Timestamp, random: u64) -> String {
        let host = &self.settings.hostname;
        // RFC 3848, RFC 6531 section 4.3.
        let protocol = if submitted.utf8 { "UTF8SMTP" } else { "ESMTP" };
        let (secured, logged_in) = (submitted.tls.is_some(), submitted.authenticated);
        let with = format!("{protocol}{}{}", if secured { "S" } else { "" }, if logged_in { "A" } else { "" });
        let helo: String =
            submitted.helo.chars().filter(|c| c.is_ascii_graphic() && !"()<>\\\"".contains(*c)).take(200).collect();
        let helo = if helo.is_empty() { "unknown" } else { helo.as_str() };
        let ip = match submitted.client {
            std::net::IpAddr::V4(ip) => ip.to_string(),
            std::net::IpAddr::V6(ip) => format!("IPv6:{ip}"),
        };
        let date = now.rfc5322();
        let mut lines =
            format!("Received: from {helo} ([{ip}])\r\n\tby {host} with {with} id {random:016x};\r\n\t{date}\r\n");
        if header.first("Message-ID").is_none() {
            lines.push_str(&format!("Message-ID: {}\r\n", self.made_message_id(random)));
        }
        if header.first("Date").is_none() {
            lines.push_str(&format!("Date: {date}\r\n"));
        }
        lines
    }

    fn made_message_id(&self, random: u64) -> String {
        format!("<{random:016x}.postrider@{}>", self.settings.hostname)
    }
}

/// A login sends only as its own domains, in every field that says who sends.
fn check_sender(header: &HeaderBlock<'_>, submitted: &Submitted) -> Result<(), Reply> {
    let credential = &submitted.credential;
    if credential.domains.is_empty() {
        return Ok(());
    }
    let foreign = header.from_addresses().into_iter().find(|address| {
        let domain = address.rsplit_once('@').and_then(|(_, domain)| Domain::parse(domain).ok());
        !domain.is_some_and(|domain| credential.may_send_as(&domain))
    });
    match foreign {
        None => Ok(()),
        Some(address) => {
            let own: Vec<_> = credential.domains.iter().map(Domain::as_str).collect();
            let name = &credential.name;
            let why = format!("{name} may send as {} only, not as {address}", own.join(", "));
            Err(Reply::new(550, (5, 7, 1), why))
        }
    }
}

/// When the first attempt is made. A time in the past is now; one too far ahead is a complaint, and now.
fn send_at(control: &mut Control, now: Timestamp) -> Timestamp {
    match control.send_at {
        Some(at) if at.since(now) > SEND_AT_MAX => {
            control
                .complaints
                .push("the time that it asks for is more than 30 days ahead, so it was sent at once".to_owned());
            now
        }
        Some(at) => at.max(now),
        None => now,
    }
}

fn refusal(error: &StoreError) -> Reply {
    tracing::error!(%error, "a message could not be stored");
    match error {
        StoreError::Full => Reply::new(452, (4, 3, 1), "no storage left; try again later"),
        StoreError::Busy
        | StoreError::Closed(_)
        | StoreError::DamagedEvent { .. }
        | StoreError::Disk(_)
        | StoreError::Damaged(_)
        | StoreError::Schema(_)
        | StoreError::Sqlite(_)
        | StoreError::File { .. } => Reply::new(451, (4, 3, 0), "the message could not be stored; try again later"),
    }
}
