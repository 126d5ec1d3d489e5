//! P11: what a request with an `Idempotency-Key` did, kept for 24 hours, per organisation and route.
//!
//! A creation writes its record in the transaction that makes the thing. Publishing, which goes on
//! after its first write, keeps the record open until SQS has the deliveries: see [`Record`].

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use serde::{Deserialize, Serialize};

use crate::clock::{Timestamp, millis};
use crate::http::{BodyDigest, IdempotencyKey};
use crate::id::OrgId;
use crate::problem::{Kind, Problem};
use crate::table::{Cancelled, StoreError, Table, Transaction, from_item, keys, number, to_item};

/// How long a key stands for its first request.
const KEPT: Duration = Duration::from_hours(24);
const ABSENT_OR_OVER: &str = "attribute_not_exists(pk) OR created_at <= :over";

/// A request's claim on its `Idempotency-Key`.
#[derive(Clone, Debug)]
pub struct Claim {
    digest: String,
    body: BodyDigest,
}

impl Claim {
    /// The claim of a request to `route` (method and path).
    pub fn new(key: &IdempotencyKey, route: &str, body: BodyDigest) -> Self {
        Self { digest: key.digest(route), body }
    }
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

impl Record {
    /// Refuses a request that is not the one the record stands for.
    pub fn check(&self, claim: &Claim) -> Result<(), Problem> {
        if self.body == claim.body {
            return Ok(());
        }
        let detail = "this `Idempotency-Key` was used with another body";
        Err(Problem::because(Kind::IdempotencyKeyReused, detail))
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
    /// Commits `transaction`, which makes `made`, unless the claim's key stands for an earlier
    /// request: then that one's record comes back and nothing is written.
    pub(crate) async fn create_once(
        &self,
        transaction: Transaction<'_>,
        org: OrgId,
        claim: Option<&Claim>,
        made: &str,
        now: Timestamp,
    ) -> Result<Created, StoreError> {
        let Some(claim) = claim else {
            // New identifiers, so nothing of it can be there.
            return match transaction.commit().await? {
                Ok(()) => Ok(Created::Now),
                Err(Cancelled(_)) => Err(StoreError::Contended),
            };
        };
        let key = keys::idempotency(org, &claim.digest);
        let item = RecordItem::new(claim, made, now, None);
        let over = HashMap::from([(":over".to_owned(), number(now.minus(KEPT).millis()))]);
        match transaction.put_if(&key, &item, Some(now.plus(KEPT)), ABSENT_OR_OVER, over)?.commit().await? {
            Ok(()) => Ok(Created::Now),
            Err(Cancelled(_)) => match self.get::<RecordItem>(&key).await? {
                Some(record) if record.made == made => Ok(Created::Now),
                Some(record) => Ok(Created::Before(record.into())),
                None => Err(StoreError::Contended),
            },
        }
    }

    /// Opens a record that stays open until [`Table::finish_claim`], or says what stands there.
    pub async fn open_claim(
        &self,
        org: OrgId,
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
            .set_item(Some(to_item(&keys::idempotency(org, &claim.digest), &item, Some(now.plus(KEPT)))?))
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
        org: OrgId,
        claim: &Claim,
        stale: Timestamp,
        running_until: Timestamp,
    ) -> Result<bool, StoreError> {
        let values = [(":stale", number(stale.millis())), (":until", number(running_until.millis()))];
        self.set_running(org, claim, "SET running_until = :until", Some("running_until = :stale"), &values)
            .await
    }

    /// The request is done: a repetition gets its answer.
    pub async fn finish_claim(&self, org: OrgId, claim: &Claim) -> Result<(), StoreError> {
        self.set_running(org, claim, "REMOVE running_until", Some("attribute_exists(pk)"), &[])
            .await
            .map(|_| ())
    }

    /// The request that holds the record until `mine` failed half way: a repetition may go on at once.
    pub async fn release_claim(&self, org: OrgId, claim: &Claim, mine: Timestamp) -> Result<(), StoreError> {
        let values = [(":zero", number(0)), (":mine", number(mine.millis()))];
        let still_mine = Some("running_until = :mine");
        self.set_running(org, claim, "SET running_until = :zero", still_mine, &values).await.map(|_| ())
    }

    /// What stands under a key, if it still stands for a request.
    pub async fn claimed(
        &self,
        org: OrgId,
        claim: &Claim,
        now: Timestamp,
    ) -> Result<Option<Record>, StoreError> {
        let item: Option<RecordItem> = self.get(&keys::idempotency(org, &claim.digest)).await?;
        Ok(item.filter(|item| now.minus(KEPT) < item.created_at).map(Into::into))
    }

    async fn set_running(
        &self,
        org: OrgId,
        claim: &Claim,
        change: &str,
        condition: Option<&str>,
        values: &[(&str, aws_sdk_dynamodb::types::AttributeValue)],
    ) -> Result<bool, StoreError> {
        let values: HashMap<_, _> =
            values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        self.update_item(&keys::idempotency(org, &claim.digest), change, condition, values).await
    }
}
