//! So many in each day or month of the calendar, in UTC.

use std::str::FromStr;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};
use serde::{Deserialize, Serialize};

use super::window::seconds_until;
use super::{Limiter, keys};
use crate::clock::Timestamp;
use crate::problem::Violation;
use crate::table::{StoreError, number};

/// How long a quota lasts before there is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// A day, in UTC.
    Day,
    /// A month, in UTC.
    Month,
}

impl FromStr for Period {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        match text {
            "day" => Ok(Self::Day),
            "month" => Ok(Self::Month),
            _ => Err(Violation::new("unknown_value", "expected `day` or `month`")),
        }
    }
}

impl Period {
    /// The one that `now` is in: `2026-01-31`, or `2026-01`.
    fn name(self, now: Timestamp) -> String {
        let text = now.to_string();
        let length = match self {
            Self::Day => 10,
            Self::Month => 7,
        };
        text.get(..length).unwrap_or_default().to_owned()
    }

    /// When the next one begins.
    pub fn ends(self, now: Timestamp) -> Timestamp {
        const DAY: i64 = 24 * 3600;
        let mut day = now.seconds() - now.seconds().rem_euclid(DAY) + DAY;
        if self == Self::Month {
            let month = self.name(now);
            while self.name(Timestamp::from_seconds(day)) == month {
                day += DAY;
            }
        }
        Timestamp::from_seconds(day)
    }
}

/// So many in each period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Quota {
    /// How many.
    pub limit: u32,
    /// In what.
    pub period: Period,
}

/// Whether a call was let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    /// It was, and is counted.
    Through {
        /// How many are left.
        remaining: u32,
    },
    /// It was not, and is not counted.
    Exceeded {
        /// How many are left: too few for what it costs.
        remaining: u32,
        /// Whole seconds until the next period begins.
        wait_seconds: u64,
    },
}

impl Limiter {
    /// Counts `cost` more of `subject` if they fit into the period: one conditional write.
    pub async fn spend(
        &self,
        quota: Quota,
        subject: &str,
        cost: u32,
        now: Timestamp,
    ) -> Result<Spent, StoreError> {
        let (ends, limit) = (quota.period.ends(now), quota.limit);
        let wait_seconds = seconds_until(ends, now);
        let Some(room) = limit.checked_sub(cost) else {
            return Ok(Spent::Exceeded { remaining: limit, wait_seconds });
        };
        let answer = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(keys::counter("quota", subject, &quota.period.name(now))))
            .update_expression("ADD taken :cost SET expires = :expires")
            .condition_expression("attribute_not_exists(taken) OR taken <= :room")
            .expression_attribute_values(":cost", number(cost))
            .expression_attribute_values(":room", number(room))
            .expression_attribute_values(":expires", number(ends.seconds() + 60))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let taken = |item: &super::Item| item.get("taken")?.as_n().ok()?.parse::<u32>().ok();
        match answer {
            Ok(answer) => {
                let taken = taken(&answer.attributes.unwrap_or_default()).unwrap_or(limit);
                Ok(Spent::Through { remaining: limit.saturating_sub(taken) })
            }
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                    let taken = refused.item.as_ref().and_then(taken).unwrap_or(limit);
                    Ok(Spent::Exceeded { remaining: limit.saturating_sub(taken), wait_seconds })
                }
                _ => Err(error.into()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_months_end_where_the_calendar_says() {
        for (now, day, month) in [
            ("2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z", "2026-02-01T00:00:00.000Z"),
            ("2026-01-31T23:59:59.999Z", "2026-02-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z"),
            ("2028-02-28T12:00:00.000Z", "2028-02-29T00:00:00.000Z", "2028-03-01T00:00:00.000Z"),
            ("2026-12-31T23:59:59.000Z", "2027-01-01T00:00:00.000Z", "2027-01-01T00:00:00.000Z"),
        ] {
            let now: Timestamp = now.parse().unwrap();
            let ends = [Period::Day, Period::Month].map(|period| period.ends(now).to_string());
            assert_eq!(ends, [day, month], "{now}");
        }
    }
}
