//! P11: what a request with an `Idempotency-Key` did, kept for 24 hours, per organisation and route. What
//! belongs to no organisation yet is kept per person.
//!
//! A creation writes its record in the transaction that makes the thing. What goes on after its first
//! write (a publication, whose deliveries go to SQS; an invitation, whose mail does) keeps the record
//! open until it is through: see [`Record`].

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use serde::{Deserialize, Serialize};

use crate::audit::Entry;
use crate::clock::{Timestamp, millis};
use crate::http::{BodyDigest, IdempotencyKey};
use crate::id::{OrgId, UserId};
use crate::problem::{Kind, Problem};
use crate::table::{Cancelled, Key, StoreError, Table, Transaction, from_item, keys, number, to_item};

/// How long a key stands for its first request.
const KEPT: Duration = Duration::from_hours(24);
const ABSENT_OR_OVER: &str = "attribute_not_exists(pk) OR created_at <= :over";

/// A request's claim on its `Idempotency-Key`.
#[derive(Clone, Debug)]
pub struct Claim {
    record: Key,
    body: BodyDigest,
}

impl Claim {
    /// The claim of a request to `route` (method and path) within an organisation.
    pub fn new(org: OrgId, key: &IdempotencyKey, route: &str, body: BodyDigest) -> Self {
        Self { record: keys::idempotency(org, &key.digest(route)), body }
    }

    /// The claim of a person's request that is within no organisation.
    pub fn of_person(user: UserId, key: &IdempotencyKey, route: &str, body: BodyDigest) -> Self {
        Self { record: keys::idempotency_of_person(user, &key.digest(route)), body }
    }
}

/// Something to be made, with its record in the audit log.
#[derive(Debug)]
pub struct Creation<'c> {
    /// Whose log.
    pub org: OrgId,
    /// Identifies the thing.
    pub made: String,
    /// What the log says.
    pub entry: Entry,
    /// The request, if it may be repeated.
    pub claim: Option<&'c Claim>,
    /// When.
    pub now: Timestamp,
    /// For what goes on after the write: until when nobody else may go on with it.
    pub running_until: Option<Timestamp>,
}

/// What stands under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Of the first request's body.
    pub body: BodyDigest,
    /// The thing that it made or makes.
    pub made: String,
    /// While it has not finished: until when nobody else may go on with it.
    pub running_until: Option<Timestamp>,
}

/// What became of a creation that may carry an `Idempotency-Key`.
#[derive(Debug)]
pub enum Created {
    /// It was made now.
    Now,
    /// The key stands for an earlier request.
    Before(Record),
    /// The conditions of what was to be written that were not met; nothing was.
    Refused(Cancelled),
}

#[derive(Serialize, Deserialize)]
struct RecordItem {
    body: BodyDigest,
    made: String,
    #[serde(with = "millis")]
    created_at: Timestamp,
    #[serde(with = "millis::optional", default, skip_serializing_if = "Option::is_none")]
    running_until: Option<Timestamp>,
}

impl RecordItem {
    fn new(claim: &Claim, made: &str, now: Timestamp, running_until: Option<Timestamp>) -> Self {
        Self { body: claim.body.clone(), made: made.to_owned(), created_at: now, running_until }
    }
}

impl From<RecordItem> for Record {
    fn from(RecordItem { body, made, running_until, .. }: RecordItem) -> Self {
        Self { body, made, running_until }
    }
}

/// How far the first request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// To its end.
    Done,
    /// It may still go on, for at most so many seconds.
    Running {
        /// As `Retry-After` has it.
        seconds: u64,
    },
    /// It stopped half way: whoever takes over from this time goes on.
    Stopped(Timestamp),
}

impl Record {
    /// How long nobody else goes on with a request that is running: longer than a function can.
    pub const RUNNING: Duration = Duration::from_secs(15);

    /// How far the first request has come at `now`.
    pub fn progress(&self, now: Timestamp) -> Progress {
        match self.running_until {
            None => Progress::Done,
            Some(end) if now < end => Progress::Running { seconds: end.since(now).as_secs() + 1 },
            Some(end) => Progress::Stopped(end),
        }
    }

    /// Refuses a request that is not the one the record stands for.
    pub fn check(&self, claim: &Claim) -> Result<(), Problem> {
        if self.body == claim.body {
            return Ok(());
        }
        let detail = "this `Idempotency-Key` was used with another body";
        Err(Problem::because(Kind::IdempotencyKeyReused, detail))
    }

    /// The answer to the repetition of a creation whose thing was taken away again.
    pub fn is_gone(&self) -> Problem {
        Problem::because(
            Kind::Conflict,
            format_args!("`{}` was made by the first request and is gone", self.made),
        )
    }

    /// The answer to the repetition of a creation whose answer held a secret.
    pub fn secret_was_shown(&self, claim: &Claim) -> Problem {
        match self.check(claim) {
            Ok(()) => {
                let detail =
                    format!("`{}` was made by the first request, whose answer held the secret", self.made);
                Problem::because(Kind::SecretAlreadyShown, detail).naming(&self.made)
            }
            Err(problem) => problem,
        }
    }
}

impl Table {
    /// Commits what `build` makes, its record in the audit log and the one of the claim, unless the
    /// claim's key stands for an earlier request: then that one's record comes back and nothing is written.
    pub async fn create_once<'a>(
        &'a self,
        creation: &Creation<'_>,
        build: impl Fn() -> Result<Transaction<'a>, StoreError>,
    ) -> Result<Created, StoreError> {
        let Creation { org, made, entry, claim, now, running_until } = creation;
        let claimed = || {
            let transaction = build()?;
            let Some(claim) = claim else { return Ok(transaction) };
            let item = RecordItem::new(claim, made, *now, *running_until);
            let over = HashMap::from([(":over".to_owned(), number(now.minus(KEPT).millis()))]);
            transaction.put_if(&claim.record, &item, Some(now.plus(KEPT)), ABSENT_OR_OVER, over)
        };
        let refused = match self.commit_audited(*org, std::slice::from_ref(entry), claimed).await? {
            Ok(()) => return Ok(Created::Now),
            Err(refused) => refused,
        };
        let record = match claim {
            Some(claim) => self.claimed(claim, *now).await?,
            None => None,
        };
        Ok(match record {
            // A repetition of our own call, made by the SDK, finds what it wrote itself.
            Some(record) if record.made == *made => Created::Now,
            Some(record) => Created::Before(record),
            None => Created::Refused(refused),
        })
    }

    /// Opens a record that stays open until [`Table::finish_claim`], or says what stands there.
    pub async fn open_claim(
        &self,
        claim: &Claim,
        made: &str,
        now: Timestamp,
        running_until: Timestamp,
    ) -> Result<Result<(), Record>, StoreError> {
        let item = RecordItem::new(claim, made, now, Some(running_until));
        let answer = self
            .client()
            .put_item()
            .table_name(self.name())
            .set_item(Some(to_item(&claim.record, &item, Some(now.plus(KEPT)))?))
            .condition_expression(ABSENT_OR_OVER)
            .expression_attribute_values(":over", number(now.minus(KEPT).millis()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = answer else { return Ok(Ok(())) };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(refused)) => {
                let item: RecordItem = from_item(refused.item.clone().ok_or(StoreError::Contended)?)?;
                // A repetition of our own call, made by the SDK, finds what it wrote itself.
                if item.made == made { Ok(Ok(())) } else { Ok(Err(item.into())) }
            }
            _ => Err(error.into()),
        }
    }

    /// Goes on with a request that stopped half way; `false` when another one was faster.
    pub async fn take_over_claim(
        &self,
        claim: &Claim,
        stale: Timestamp,
        running_until: Timestamp,
    ) -> Result<bool, StoreError> {
        let values = [(":stale", number(stale.millis())), (":until", number(running_until.millis()))];
        self.set_running(claim, "SET running_until = :until", Some("running_until = :stale"), &values).await
    }

    /// The request is done: a repetition gets its answer.
    pub async fn finish_claim(&self, claim: &Claim) -> Result<(), StoreError> {
        self.set_running(claim, "REMOVE running_until", Some("attribute_exists(pk)"), &[]).await.map(|_| ())
    }

    /// The request that holds the record until `mine` failed half way: a repetition may go on at once.
    pub async fn release_claim(&self, claim: &Claim, mine: Timestamp) -> Result<(), StoreError> {
        let values = [(":zero", number(0)), (":mine", number(mine.millis()))];
        let still_mine = Some("running_until = :mine");
        self.set_running(claim, "SET running_until = :zero", still_mine, &values).await.map(|_| ())
    }

    /// The record of the request that this one repeats, if it repeats one. Refused when its key stands
    /// for another.
    pub async fn repeated(&self, claim: Option<&Claim>, now: Timestamp) -> Result<Option<Record>, Problem> {
        let Some(claim) = claim else { return Ok(None) };
        let record = self.claimed(claim, now).await?;
        record.map(|record| record.check(claim).map(|()| record)).transpose()
    }

    /// What stands under a key, if it still stands for a request.
    pub async fn claimed(&self, claim: &Claim, now: Timestamp) -> Result<Option<Record>, StoreError> {
        let item: Option<RecordItem> = self.get(&claim.record).await?;
        Ok(item.filter(|item| now.minus(KEPT) < item.created_at).map(Into::into))
    }

    async fn set_running(
        &self,
        claim: &Claim,
        change: &str,
        condition: Option<&str>,
        values: &[(&str, aws_sdk_dynamodb::types::AttributeValue)],
    ) -> Result<bool, StoreError> {
        let values: HashMap<_, _> =
            values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        self.update_item(&claim.record, change, condition, values).await
    }
}
