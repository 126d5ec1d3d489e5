//! Every key of the table. Nothing outside of this file can make one.
//!
//! Identifiers stand in keys as they are: their prefixes say the kind. What a tenant owns is under
//! a partition that begins with the organisation's id. The exceptions answer "who is this?" before
//! an organisation is known: P1 to P3, P7 and P18 to P20; and P23 to P25 are the sweeper's; what belongs to an organisation there names it.
//! P30 to P32 are the deployment's own.
//!
//! | No. | Item | pk | sk |
//! |---|---|---|---|
//! | P1 | e-mail claim | `email#<sha256>` | `self` |
//! | P2 | user | `usr` | `self` |
//! | P3 | session | `usr` | `ses` |
//! | P4 | membership, by user | `usr` | `org` |
//! | P5 | organisation | `org` | `self` |
//! | P6 | membership, by organisation | `org` | `usr` |
//! | P7 | API key, by its id, with the digest | `key` | `self` |
//! | P8 | API key, by organisation, without it | `org` | `key` |
//! | P9 | webhook | `org` | `whk` |
//! | P10 | event | `org#<day>` | `evt` |
//! | P11 | idempotency record | `org#idempotency#<sha256>`, `usr#idempotency#<sha256>` | `self` |
//! | P12 | delivery | `org#whk` | `evt` |
//! | P13 | failed attempt | `org#whk#attempts` | `evt#<number>` |
//! | P14 | second factor | `usr` | `factor` |
//! | P15 | end of the audit log's chain | `org#audit` | `head` |
//! | P16 | record of the audit log | `org#audit` | `rec#<sequence>` |
//! | P17 | domain of an organisation | `org` | `dom#<domain>` |
//! | P18 | organisation that has a domain | `domain#<domain>` | `self` |
//! | P19 | what a link in a mail stands for | `lnk` | `self` |
//! | P20 | the newest registration of an address that waits for its link | `email#<sha256>` | `pending` |
//! | P21 | invitation | `org` | `inv` |
//! | P22 | request to join | `org` | `join#usr` |
//! | P23 | attempt, or turn of a backlog or a replay, that is due later | `due#<minute>#<shard>` | `<ms>#dlv`, `<ms>#whk#<turn>`, `<ms>#rpl#<turn>` |
//! | P24 | how far the sweeper has come | `sweeper` | `due`, `events` |
//! | P25 | organisation that published in an hour | `active#<hour>#<shard>` | `org` |
//! | P26 | how a webhook's receiver does | `org#whk` | `health` |
//! | P27 | parked delivery, in the order of the events | `org#whk#backlog` | `evt` |
//! | P28 | event type | `org` | `type#<name>` |
//! | P29 | replay | `org` | `rpl` |
//! | P30 | run of a migration | `migration` | `<name>` |
//! | P31 | how far a segment of a run has come | `migration#<name>` | `segment#<number>` |
//! | P32 | key of SECRET_KEY under which nothing is sealed any more | `secret-key` | `kid#<kid>` |
//! | P33 | webhook that got an event by a replay alone | `org#evt` | `to#whk` |
//! | P34 | how often the webhooks of an organisation have changed | `org` | `webhooks` |

use aws_sdk_dynamodb::types::AttributeValue;

use super::Item;
use crate::clock::Timestamp;
use crate::id::{
    ApiKeyId, DeliveryId, EventId, InvitationId, LinkId, OrgId, ReplayId, SessionId, UserId, WebhookId,
};
use crate::lane::Lane;

/// A primary key. Private fields: a key that is not in this file cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    pk: String,
    sk: String,
}

impl Key {
    fn new(pk: impl ToString, sk: impl ToString) -> Self {
        Self { pk: pk.to_string(), sk: sk.to_string() }
    }

    pub(crate) fn attributes(&self) -> Item {
        Item::from([("pk".to_owned(), self.pk_value()), ("sk".to_owned(), self.sk_value())])
    }

    pub(super) fn pk_value(&self) -> AttributeValue {
        AttributeValue::S(self.pk.clone())
    }

    pub(super) fn sk_value(&self) -> AttributeValue {
        AttributeValue::S(self.sk.clone())
    }

    pub(crate) fn of_item(item: &Item) -> Option<Self> {
        let text = |name: &str| item.get(name)?.as_s().ok().cloned();
        Some(Self { pk: text("pk")?, sk: text("sk")? })
    }
}

const SELF: &str = "self";

/// A key that no item has, to ask whether the table answers.
pub(super) fn nothing() -> Key {
    Key::new("nothing", SELF)
}

/// P1: who has an e-mail address, by the SHA-256 of its normal form.
pub fn email(digest: &str) -> Key {
    Key::new(format_args!("email#{digest}"), SELF)
}

/// P2: a person.
pub fn user(user: UserId) -> Key {
    Key::new(user, SELF)
}

/// P3: a session of a person.
pub fn session(user: UserId, session: SessionId) -> Key {
    Key::new(user, session)
}

/// P3: where the sessions of a person begin.
pub fn sessions(user: UserId) -> Key {
    Key::new(user, format_args!("{}_", SessionId::PREFIX))
}

/// P4: a membership, found by the person.
pub fn membership_of_user(user: UserId, org: OrgId) -> Key {
    Key::new(user, org)
}

/// P4: where the memberships of a person begin.
pub fn memberships_of_user(user: UserId) -> Key {
    Key::new(user, format_args!("{}_", OrgId::PREFIX))
}

/// P5: an organisation.
pub fn organization(org: OrgId) -> Key {
    Key::new(org, SELF)
}

/// P6: a membership, found by the organisation.
pub fn member(org: OrgId, user: UserId) -> Key {
    Key::new(org, user)
}

/// P7: an API key, found by what its text says.
pub fn api_key(key: ApiKeyId) -> Key {
    Key::new(key, SELF)
}

/// P8: an API key of an organisation.
pub fn api_key_of(org: OrgId, key: ApiKeyId) -> Key {
    Key::new(org, key)
}

/// P8: where the API keys of an organisation begin.
pub fn api_keys_of(org: OrgId) -> Key {
    Key::new(org, format_args!("{}_", ApiKeyId::PREFIX))
}

/// P9: a webhook.
pub fn webhook(org: OrgId, webhook: WebhookId) -> Key {
    Key::new(org, webhook)
}

/// P9: where the webhooks of an organisation begin.
pub fn webhooks(org: OrgId) -> Key {
    Key::new(org, format_args!("{}_", WebhookId::PREFIX))
}

/// P10: an event, in the bucket of the day it was made: no partition holds them all.
pub fn event(org: OrgId, event: EventId) -> Key {
    let made_at = event.made_at().to_string();
    let day = made_at.get(..10).unwrap_or_default();
    Key::new(format_args!("{org}#{day}"), event)
}

/// P11: what a request with an `Idempotency-Key` did.
pub fn idempotency(org: OrgId, digest: &str) -> Key {
    Key::new(format_args!("{org}#idempotency#{digest}"), SELF)
}

/// P11: what a person's request did that is within no organisation.
pub fn idempotency_of_person(user: UserId, digest: &str) -> Key {
    Key::new(format_args!("{user}#idempotency#{digest}"), SELF)
}

/// P12: a delivery.
pub fn delivery(org: OrgId, id: DeliveryId) -> Key {
    Key::new(format_args!("{org}#{}", id.webhook), id.event)
}

/// P12: where the deliveries of a webhook begin.
pub fn deliveries(org: OrgId, webhook: WebhookId) -> Key {
    Key::new(format_args!("{org}#{webhook}"), format_args!("{}_", EventId::PREFIX))
}

/// P13: one failed attempt. Zero padded, so that the attempts sort.
pub fn attempt(org: OrgId, id: DeliveryId, number: u16) -> Key {
    Key::new(format_args!("{org}#{}#attempts", id.webhook), format_args!("{}#{number:05}", id.event))
}

/// P13: where the failed attempts of a delivery begin.
pub fn attempts(org: OrgId, id: DeliveryId) -> Key {
    Key::new(format_args!("{org}#{}#attempts", id.webhook), format_args!("{}#", id.event))
}

/// P19: what a link in a mail stands for.
pub fn link(link: LinkId) -> Key {
    Key::new(link, SELF)
}

/// P20: the newest registration of an address that waits for its link.
pub fn pending_registration(digest: &str) -> Key {
    Key::new(format_args!("email#{digest}"), "pending")
}

/// P21: an invitation.
pub fn invitation(org: OrgId, invitation: InvitationId) -> Key {
    Key::new(org, invitation)
}

/// P21: where the invitations of an organisation begin.
pub fn invitations(org: OrgId) -> Key {
    Key::new(org, format_args!("{}_", InvitationId::PREFIX))
}

/// P22: a request to join an organisation.
pub fn join_request(org: OrgId, user: UserId) -> Key {
    Key::new(org, format_args!("join#{user}"))
}

/// P22: where the requests to join an organisation begin.
pub fn join_requests(org: OrgId) -> Key {
    Key::new(org, "join#")
}

/// P6: where the members of an organisation begin.
pub fn members(org: OrgId) -> Key {
    Key::new(org, format_args!("{}_", UserId::PREFIX))
}

/// P15: the end of the chain of an organisation's audit log.
pub fn audit_head(org: OrgId) -> Key {
    Key::new(format_args!("{org}#audit"), "head")
}

/// P16: one record of the audit log. Zero padded, so that the records sort.
pub fn audit_record(org: OrgId, sequence: u64) -> Key {
    Key::new(format_args!("{org}#audit"), format_args!("rec#{sequence:012}"))
}

/// P16: where the records of an organisation begin.
pub fn audit_records(org: OrgId) -> Key {
    Key::new(format_args!("{org}#audit"), "rec#")
}

/// P17: a domain of an organisation.
pub fn domain(org: OrgId, domain: &str) -> Key {
    Key::new(org, format_args!("dom#{domain}"))
}

/// P17: where the domains of an organisation begin.
pub fn domains(org: OrgId) -> Key {
    Key::new(org, "dom#")
}

/// P18: the organisation that has a domain.
pub fn home_of_domain(domain: &str) -> Key {
    Key::new(format_args!("domain#{domain}"), SELF)
}

/// P14: the second factor of a person.
pub fn factor(user: UserId) -> Key {
    Key::new(user, "factor")
}

/// Partitions that share the attempts of one minute, and the organisations of one hour.
pub const SHARDS: u8 = 4;

/// P23: an attempt that is due later. Padded, so that those of a minute sort by their time.
pub fn due(id: DeliveryId, at: Timestamp) -> Key {
    let [.., last] = id.event.to_bytes();
    Key::new(
        format_args!("due#{:010}#{}", at.seconds() / 60, last % SHARDS),
        format_args!("{:015}#{id}", at.millis()),
    )
}

/// P23: a turn of a backlog or a replay that is due later.
pub fn due_turn(lane: Lane, turn: u64, at: Timestamp) -> Key {
    let last = match lane {
        Lane::Backlog(id) => id.to_bytes()[15],
        Lane::Replay(id) => id.to_bytes()[15],
    };
    Key::new(
        format_args!("due#{:010}#{}", at.seconds() / 60, last % SHARDS),
        format_args!("{:015}#{lane}#{turn}", at.millis()),
    )
}

/// P26: how a webhook's receiver does.
pub fn health(org: OrgId, webhook: WebhookId) -> Key {
    Key::new(format_args!("{org}#{webhook}"), "health")
}

/// P27: a delivery that is parked, in the order of the events.
pub fn parked(org: OrgId, id: DeliveryId) -> Key {
    Key::new(format_args!("{org}#{}#backlog", id.webhook), id.event)
}

/// P27: where the backlog of a webhook begins.
pub fn backlog(org: OrgId, webhook: WebhookId) -> Key {
    Key::new(format_args!("{org}#{webhook}#backlog"), format_args!("{}_", EventId::PREFIX))
}

/// P29: a replay.
pub fn replay(org: OrgId, replay: ReplayId) -> Key {
    Key::new(org, replay)
}

/// P23: where the attempts of a minute, counted from 1970, begin in a shard.
pub fn due_in(minute: i64, shard: u8) -> Key {
    // Milliseconds of 15 digits begin with a zero for three thousand years.
    Key::new(format_args!("due#{minute:010}#{shard}"), "0")
}

/// P24: how far the sweeper has come with one of its tasks.
pub fn sweeper(task: &str) -> Key {
    Key::new("sweeper", task)
}

/// P25: an organisation that published in an hour, counted from 1970.
pub fn active(hour: i64, org: OrgId) -> Key {
    let [.., last] = org.to_bytes();
    Key::new(format_args!("active#{hour:08}#{}", last % SHARDS), org)
}

/// P25: where the organisations of an hour begin in a shard.
pub fn active_in(hour: i64, shard: u8) -> Key {
    Key::new(format_args!("active#{hour:08}#{shard}"), format_args!("{}_", OrgId::PREFIX))
}

/// P33: a webhook that did not match an event, and got it by a replay. A sort key that began as a webhook's would
/// have a migration take it for one.
pub fn replayed_to(org: OrgId, id: DeliveryId) -> Key {
    Key::new(format_args!("{org}#{}", id.event), format_args!("to#{}", id.webhook))
}

/// P33: where the webhooks that got an event by a replay alone begin.
pub fn all_replayed_to(org: OrgId, event: EventId) -> Key {
    Key::new(format_args!("{org}#{event}"), "to#")
}

/// P34: how often the webhooks of an organisation have changed.
pub fn webhooks_revision(org: OrgId) -> Key {
    Key::new(org, "webhooks")
}

/// P28: a type of event that an organisation has written down.
pub fn event_type(org: OrgId, name: &str) -> Key {
    Key::new(org, format_args!("type#{name}"))
}

/// P28: where the event types of an organisation begin.
pub fn event_types(org: OrgId) -> Key {
    Key::new(org, "type#")
}

/// P10: an event that would be the first of those made from `at` on, in the bucket of that day.
pub fn events_from(org: OrgId, at: Timestamp) -> Key {
    event(org, EventId::earliest(at))
}

/// P10: where the events of a day begin.
pub fn events_of_day(org: OrgId, at: Timestamp) -> Key {
    let Key { pk, .. } = events_from(org, at);
    Key::new(pk, format_args!("{}_", EventId::PREFIX))
}

/// P30: the run of a migration, the last one.
pub fn migration(name: &str) -> Key {
    Key::new("migration", name)
}

/// P31: how far a segment of it has come.
pub fn migration_segment(name: &str, segment: u16) -> Key {
    Key::new(format_args!("migration#{name}"), format_args!("segment#{segment:04}"))
}

/// P31: where the segments of a migration begin.
pub fn migration_segments(name: &str) -> Key {
    Key::new(format_args!("migration#{name}"), "segment#")
}

/// P32: a key of SECRET_KEY under which nothing is sealed any more.
pub fn unused_key(kid: &str) -> Key {
    Key::new("secret-key", format_args!("kid#{kid}"))
}

/// P32: where such keys begin.
pub fn unused_keys() -> Key {
    Key::new("secret-key", "kid#")
}
