//! One after the other, so far apart: slots of a subject, given out in order.
//!
//! It is the virtual scheduling of the generic cell rate algorithm (ITU-T I.371): one number says when the
//! next slot is. Whoever gets a slot in the future comes back for it, and asks for no other.

use std::time::Duration;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::ReturnValue;

use super::{Limiter, keys};
use crate::clock::Timestamp;
use crate::table::{StoreError, number};

impl Limiter {
    /// The next slot of `subject`: not before `now`, and `interval` after the one before (1 write, or 2 after
    /// a while without one).
    pub async fn slot(
        &self,
        subject: &str,
        interval: Duration,
        now: Timestamp,
    ) -> Result<Timestamp, StoreError> {
        const TRIES: u32 = 8;
        let step = i64::try_from(interval.as_micros()).unwrap_or(i64::MAX);
        for _ in 0..TRIES {
            if let Some(next) =
                self.advance(subject, "SET slot_at = slot_at + :step", "slot_at > :now", step, now).await?
            {
                return Ok(Timestamp::from_millis(next.saturating_sub(step) / 1000));
            }
            let first = "SET slot_at = :now + :step";
            let idle = "attribute_not_exists(slot_at) OR slot_at <= :now";
            if let Some(next) = self.advance(subject, first, idle, step, now).await? {
                return Ok(Timestamp::from_millis(next.saturating_sub(step) / 1000));
            }
        }
        Err(StoreError::Contended)
    }

    async fn advance(
        &self,
        subject: &str,
        change: &str,
        condition: &str,
        step: i64,
        now: Timestamp,
    ) -> Result<Option<i64>, StoreError> {
        /// A subject without slots in sight needs no item.
        const KEPT: i64 = 7 * 24 * 3600;
        let answer = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(keys::counter("pace", subject, "next")))
            .update_expression(format!("{change}, expires = :expires"))
            .condition_expression(condition)
            .expression_attribute_values(":now", number(now.millis().saturating_mul(1000)))
            .expression_attribute_values(":step", number(step))
            .expression_attribute_values(":expires", number(now.seconds() + KEPT))
            .return_values(ReturnValue::UpdatedNew)
            .send()
            .await;
        match answer {
            Ok(answer) => {
                let next = answer
                    .attributes
                    .as_ref()
                    .and_then(|item| item.get("slot_at")?.as_n().ok()?.parse().ok());
                next.map(Some).ok_or_else(|| StoreError::Corrupt("a pace has no `slot_at`".to_owned()))
            }
            Err(error)
                if matches!(
                    error.as_service_error(),
                    Some(UpdateItemError::ConditionalCheckFailedException(_))
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }
}
