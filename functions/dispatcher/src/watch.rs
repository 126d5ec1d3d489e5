//! Watch: what a receiver does, over all of its deliveries. Failures in a row open the breaker, days of them
//! switch the webhook off; a 429 slows it down.
//!
//! What is noted here is not what a delivery depends on: it is on record already. So a note that fails costs
//! one count, and goes to the log.

use std::time::Duration;

use serde_json::json;
use shared::clock::Timestamp;
use shared::delivery::Outcome;
use shared::health::{Breaker, Health, Pace, Streak};
use shared::id::{EventId, OrgId, WebhookId};
use shared::lane::Lane;
use shared::mail::Mail;
use shared::observe::Metric;
use shared::operational::OperationalKind;
use shared::problem::chain;
use shared::queue::TurnTask;
use shared::scope::Role;
use shared::webhook::{Disabled, Webhook};

use crate::{DispatchError, Dispatcher};

/// What an attempt showed.
pub(crate) struct Seen<'a> {
    pub(crate) webhook: &'a Webhook,
    pub(crate) event: EventId,
    pub(crate) outcome: Outcome,
    /// What was known before.
    pub(crate) health: &'a Health,
    pub(crate) probe: bool,
}

impl Seen<'_> {
    fn place(&self) -> (OrgId, WebhookId) {
        (self.webhook.org, self.webhook.id)
    }
}

impl Dispatcher {
    /// Notes it; whether it has opened the breaker.
    pub(crate) async fn watch(&self, seen: &Seen<'_>, now: Timestamp) -> bool {
        let noted = match seen.outcome {
            Outcome::Delivered { .. } => self.watch_success(seen, now).await.map(|()| false),
            Outcome::Rejected { .. } | Outcome::TimedOut | Outcome::Unreachable(_) => {
                self.watch_failure(seen, now).await
            }
        };
        noted.unwrap_or_else(|error| {
            tracing::error!(webhook = %seen.webhook.id, error = chain(&error), "what a receiver did is not noted");
            false
        })
    }

    async fn watch_success(&self, seen: &Seen<'_>, now: Timestamp) -> Result<(), DispatchError> {
        let (table, (org, webhook)) = (&self.core.table, seen.place());
        if seen.health.streak.is_some() {
            table.note_success(org, webhook).await?;
        }
        if let Some(pace) = seen.health.pace
            && let Some(after) = pace.doubled(seen.webhook.max_per_second, now)
        {
            table.set_pace(seen.place(), Some(pace), after).await?;
        }
        // A test has succeeded: there is nothing to wait for.
        if let (Breaker::Open { since, probes, .. }, false) = (seen.health.breaker, seen.probe) {
            let next = Breaker::Open { since, probes, due: now };
            self.go_on(seen.place(), seen.health.turn, next, None).await?;
        }
        Ok(())
    }

    async fn watch_failure(&self, seen: &Seen<'_>, now: Timestamp) -> Result<bool, DispatchError> {
        let table = &self.core.table;
        if let Outcome::Rejected { status: 429, .. } = seen.outcome
            && let Some(slower) = Pace::halved(seen.health.pace, seen.webhook.max_per_second, now)
        {
            table.set_pace(seen.place(), seen.health.pace, Some(slower)).await?;
        }
        let error = seen.outcome.detail();
        let health = table.note_failure(seen.place(), seen.event, now, &error, seen.health).await?;
        let Some(streak) = &health.streak else { return Ok(false) };
        if streak.disables(now) {
            self.disable(seen.webhook, streak, now).await?;
        } else if streak.warns(now) {
            self.warn(seen.webhook, streak, now).await?;
        }
        let opens = !seen.probe && !health.parks() && streak.is_the_receiver();
        if opens {
            let wait = self.probe_wait(seen.webhook, 0, None)?;
            let open = Breaker::Open { since: now, probes: 0, due: now.plus(wait) };
            if self.go_on(seen.place(), health.turn, open, None).await? {
                self.core.observer.count(Metric::BreakerOpenings, 1);
            }
            tracing::warn!(webhook = %seen.webhook.id, organization = %seen.webhook.org, "its receiver fails: deliveries are parked");
        }
        Ok(opens)
    }

    /// How long after so many trials the next one is.
    pub(crate) fn probe_wait(
        &self,
        webhook: &Webhook,
        probes: u16,
        outcome: Option<Outcome>,
    ) -> Result<Duration, DispatchError> {
        let jitter = self.core.entropy.jitter()?;
        let asked = match outcome {
            Some(Outcome::Rejected { retry_after, .. }) => retry_after,
            _ => None,
        };
        // A schedule that has ended goes on with the longest wait there is.
        let planned = webhook.retry_schedule.after(probes.saturating_add(1), jitter).unwrap_or(Duration::MAX);
        Ok(Breaker::probe_wait(planned, asked))
    }

    /// Writes down what follows a turn, and puts the next one into the queue; `false` where somebody else has.
    pub(crate) async fn go_on(
        &self,
        (org, webhook): (OrgId, WebhookId),
        turn: u64,
        next: Breaker,
        told: Option<&shared::event::Event>,
    ) -> Result<bool, DispatchError> {
        let now = self.core.clock.now();
        if !self.core.table.end_turn((org, webhook), turn, next, now, told).await? {
            return Ok(false);
        }
        let due = match next {
            Breaker::Closed => return Ok(true),
            Breaker::Open { due, .. } | Breaker::Draining { due, .. } => due,
        };
        if !shared::delivery::waits_in_the_table(due, now) {
            let task = TurnTask::new(org, Lane::Backlog(webhook), turn + 1, due);
            self.queue.send(&[task.into()], now).await?;
        }
        Ok(true)
    }

    async fn disable(&self, webhook: &Webhook, streak: &Streak, now: Timestamp) -> Result<(), DispatchError> {
        let told = self.told(webhook, streak, OperationalKind::WebhookDisabled).await?;
        let why = Disabled::Failing { at: now };
        let disabled = self.core.table.transaction().disable_webhook(webhook, why)?;
        if disabled.tell(told.as_ref())?.commit().await?.is_ok() {
            tracing::warn!(webhook = %webhook.id, organization = %webhook.org, "switched off: its receiver has failed for days");
            self.operational.dispatch(told).await;
            self.mail_admins((webhook.org, webhook.id), true, now).await?;
        }
        Ok(())
    }

    async fn warn(&self, webhook: &Webhook, streak: &Streak, now: Timestamp) -> Result<(), DispatchError> {
        let told = self.told(webhook, streak, OperationalKind::WebhookFailing).await?;
        let place = (webhook.org, webhook.id);
        if self.core.table.note_warned(place, now, told.as_ref()).await? {
            self.operational.dispatch(told).await;
            self.mail_admins(place, false, now).await?;
        }
        Ok(())
    }

    async fn told(
        &self,
        webhook: &Webhook,
        streak: &Streak,
        kind: OperationalKind,
    ) -> Result<Option<shared::event::Event>, DispatchError> {
        let data = json!({
            "webhook_id": webhook.id,
            "reason": "failing",
            "failing_since": streak.since,
            "consecutive_failures": streak.failures,
            "error": streak.last_error,
            "disables_at": streak.disables_at(self.core.clock.now()),
        });
        Ok(self.operational.prepare(webhook.org, kind, Some(webhook.id), data).await?)
    }

    /// To those who can mend it.
    pub(crate) async fn mail_admins(
        &self,
        (organization, webhook): (OrgId, WebhookId),
        disabled: bool,
        now: Timestamp,
    ) -> Result<(), DispatchError> {
        for member in self.core.table.all_members(organization).await? {
            if matches!(member.role, Role::Owner | Role::Admin) {
                let user = member.user;
                let mail = Mail::WebhookFailing { user, organization, webhook, disabled };
                self.mails.send(mail, now).await?;
            }
        }
        Ok(())
    }
}
