//! Every metric of ours: its name, its unit, who counts it and what it says. `docs/observing.md` has the same table.

/// Of what a metric is so many, in the words of CloudWatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A number of things.
    Count,
    /// Thousandths of a second.
    Milliseconds,
    /// Seconds.
    Seconds,
}

impl Unit {
    /// The name that CloudWatch knows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
            Self::Seconds => "Seconds",
        }
    }
}

macro_rules! metrics {
    ($($variant:ident, $unit:ident, [$($function:literal),*], $about:literal;)*) => {
        /// Every metric. Append only: alarms and dashboards name them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Metric {$(#[doc = $about] $variant,)*}

        impl Metric {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name that CloudWatch has it under.
            pub const fn name(self) -> &'static str {
                match self {$(Self::$variant => stringify!($variant),)*}
            }

            /// Of what it is so many.
            pub const fn unit(self) -> Unit {
                match self {$(Self::$variant => Unit::$unit,)*}
            }

            /// The functions that count it.
            pub const fn counted_by(self) -> &'static [&'static str] {
                match self {$(Self::$variant => &[$($function),*],)*}
            }

            /// What it says, in a sentence.
            pub const fn about(self) -> &'static str {
                match self {$(Self::$variant => $about,)*}
            }
        }
    };
}

metrics! {
    EventsAccepted, Count, ["webhooks"],
        "Events that were stored and queued: the publisher got 202. A repetition under the same key is none.";
    DeliveriesDelivered, Count, ["dispatcher"], "Attempts that the receiver took.";
    DeliveriesFailed, Count, ["dispatcher"], "Attempts that it did not take, whether or not another one follows.";
    DeliveriesParked, Count, ["dispatcher"], "Deliveries that wait until their receiver is back.";
    DeliveriesExhausted, Count, ["dispatcher"], "Deliveries that were tried as often as their schedule says, in vain.";
    DeliveryLatency, Milliseconds, ["dispatcher"],
        "From the acceptance of an event to the answer of a receiver that took it, at whatever attempt. What was parked or replayed is in it.";
    BreakerOpenings, Count, ["dispatcher"], "Receivers that failed once too often, so that their deliveries are parked.";
    DeadLetters, Count, ["sweeper"], "Messages that the dispatcher gave back five times, and the sweeper took.";
    DeliveriesFailedInternally, Count, ["sweeper"], "Deliveries that are `failed_internally` for such a letter.";
    SweeperLag, Seconds, ["sweeper"],
        "How far the sweeper is behind the minutes it should have swept, at the end of each run. It works five minutes ahead, so retries are late from 300 on.";
    MailsSent, Count, ["mailer"], "Mails that SES took.";
    MailsFailed, Count, ["mailer"], "Mails that could not be sent this time. The queue hands them out again.";
    LimiterHits, Count, ["auth", "organizations", "api_keys", "webhooks", "authorizer"],
        "Calls that were refused because a limit was reached.";
    ServerErrors, Count, ["auth", "organizations", "api_keys", "webhooks"],
        "Calls that were answered with 5xx, panics among them.";
    ColdStarts, Count,
        ["auth", "organizations", "api_keys", "webhooks", "dispatcher", "mailer", "authorizer", "sweeper"],
        "First invocations of a process.";
    ExportsFailed, Count,
        ["auth", "organizations", "api_keys", "webhooks", "dispatcher", "mailer", "authorizer", "sweeper"],
        "Batches of spans or reports that the collector, or Sentry, did not take in time. They are lost.";
    MigrationFailures, Count, ["migrator"],
        "Values that a pass could not encrypt anew, and items that it could not read. Their key is kept for them.";
}
