//! Which deliveries of a list are wanted: `?status=`, `?since=` and `?until=`.

use shared::clock::Timestamp;
use shared::delivery::Delivery;
use shared::http::Given;
use shared::problem::{Kind, Problem};

use super::view::DeliveryStatus;

/// Which deliveries are wanted.
#[derive(Debug, Default)]
pub(super) struct Filter {
    status: Option<DeliveryStatus>,
    /// Of events that were published from then on.
    since: Option<Timestamp>,
    /// And before that.
    pub(super) until: Option<Timestamp>,
}

impl Filter {
    /// What a list of one event's deliveries can be asked for.
    pub(super) const STATUS: [&str; 1] = ["status"];
    /// What a list of many events' deliveries can be asked for.
    pub(super) const ALL: [&str; 3] = ["status", "since", "until"];
    /// What `status` is.
    pub(super) const STATUS_IS: &str = "Only those that are `pending`, `parked`, `delivered`, `exhausted`, \
                                        `skipped` or `failed_internally`.";

    pub(super) fn read(given: &[Given]) -> Result<Self, Problem> {
        let mut filter = Self::default();
        for (name, value) in given {
            let bad = |rule: &str| Problem::because(Kind::InvalidRequest, format_args!("`{name}` is {rule}"));
            let time = || value.parse().map_err(|_| bad("a time such as 2026-01-01T00:00:00Z"));
            match *name {
                "status" => {
                    let status = serde_json::from_value(value.as_str().into()).ok();
                    let rule = "one of pending, parked, delivered, exhausted, skipped, failed_internally";
                    filter.status = Some(status.ok_or_else(|| bad(rule))?);
                }
                "since" => filter.since = Some(time()?),
                _ => filter.until = Some(time()?),
            }
        }
        Ok(filter)
    }

    /// Whether many that are looked at may not be wanted.
    pub(super) fn is_of_status(&self) -> bool {
        self.status.is_some()
    }

    pub(super) fn wants(&self, delivery: &Delivery) -> bool {
        self.status.is_none_or(|status| status == DeliveryStatus::from(delivery.state))
    }

    /// Whether this one, and with it all that are older, are from before what is wanted.
    pub(super) fn is_past(&self, delivery: &Delivery) -> bool {
        self.since.is_some_and(|since| delivery.id.event.made_at() < since)
    }
}
