//! Replays, a page in each turn. What was sent says by which replay, so a page that is taken twice sends
//! nothing twice; and the turn that is over is not taken again.
//!
//! A replay does not press: it sends so many in a second, and waits while the receiver fails.

use std::time::Duration;

use shared::clock::Timestamp;
use shared::delivery::Delivery;
use shared::id::{DeliveryId, EventId, OrgId, ReplayId};
use shared::lane::Lane;
use shared::queue::{DeliveryTask, Task, TurnTask};
use shared::replay::{Progress, Replay, Wanted, What};
use shared::webhook::{Status, Webhook};

use crate::backlog::Turn;
use crate::{DispatchError, Dispatcher};

/// What is looked at in a turn.
const PAGE: u16 = 100;
/// How long a replay waits for a receiver that fails.
const PATIENCE: Duration = Duration::from_mins(5);

/// One page of what a replay looks at.
struct Page {
    /// What it wants: the deliveries as they are, where there are any.
    wanted: Vec<(DeliveryId, Delivery, bool)>,
    /// What an earlier try of this turn has sent.
    already: usize,
    examined: usize,
    /// The last that was looked at; none where there is nothing left.
    last: Option<EventId>,
}

impl Dispatcher {
    /// One turn.
    pub(crate) async fn take_replay_turn(
        &self,
        org: OrgId,
        id: ReplayId,
        turn: Turn,
        deadline: Timestamp,
    ) -> Result<(), DispatchError> {
        let (table, now) = (&self.core.table, self.core.clock.now());
        let Some(replay) = table.replay(org, id, now).await? else { return Ok(()) };
        let Progress::Running { due } = replay.progress else { return Ok(()) };
        if replay.turn == turn.number + 1 && turn.receive_count > 1 {
            // Whoever ended it may have died before the next one was in the queue.
            let next = TurnTask::new(org, Lane::Replay(id), replay.turn, due);
            return Ok(self.queue.send(&[next.into()], now).await?);
        }
        if replay.turn != turn.number || !table.claim_replay(&replay, now, deadline).await? {
            return Ok(());
        }
        let webhook = table.webhook(org, replay.webhook).await?;
        let Some(webhook) = webhook.filter(|webhook| webhook.status == Status::Active) else {
            tracing::info!(replay = %id, "a replay ends: its webhook does not receive");
            return self.replay_goes_on(&replay, Progress::Cancelled { at: now }, None).await;
        };
        if !replay.dry_run && table.health(org, webhook.id).await?.parks() {
            let due = now.plus(PATIENCE);
            return self.replay_goes_on(&replay, Progress::Running { due }, None).await;
        }
        let page = match replay.what {
            What::Failed => self.page_of_deliveries(&replay, now).await?,
            What::Missing | What::All => self.page_of_events(&replay, &webhook, now).await?,
        };
        if !replay.dry_run {
            self.send_again(&replay, &page).await?;
        }
        let now = self.core.clock.now();
        let progress = match page.last {
            Some(_) if replay.dry_run => Progress::Running { due: now },
            Some(_) => Progress::Running { due: now.plus(replay.pause_after(page.wanted.len())) },
            None => Progress::Done { at: now },
        };
        self.replay_goes_on(&replay, progress, Some(&page)).await
    }

    async fn replay_goes_on(
        &self,
        replay: &Replay,
        progress: Progress,
        page: Option<&Page>,
    ) -> Result<(), DispatchError> {
        let (mut after, now) = (replay.clone(), self.core.clock.now());
        after.turn += 1;
        after.progress = progress;
        if let Some(page) = page {
            let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
            after.after = page.last.or(after.after);
            after.examined += count(page.examined);
            after.matched += count(page.wanted.len() + page.already);
        }
        if self.core.table.end_replay_turn(replay.turn, &after, now).await?
            && let Progress::Running { due } = progress
            && !shared::delivery::waits_in_the_table(due, now)
        {
            let next = TurnTask::new(replay.org, Lane::Replay(replay.id), after.turn, due);
            self.queue.send(&[next.into()], now).await?;
        }
        Ok(())
    }

    /// Those that were tried: what the webhook itself has.
    async fn page_of_deliveries(&self, replay: &Replay, now: Timestamp) -> Result<Page, DispatchError> {
        let from = replay.after.unwrap_or(EventId::earliest(replay.since));
        let (deliveries, next) =
            self.core.table.deliveries_from(replay.org, replay.webhook, from, PAGE, now).await?;
        let within = |delivery: &Delivery| delivery.id.event.made_at() < replay.until;
        let within: Vec<_> = deliveries.into_iter().filter(within).collect();
        let last = next.filter(|next| next.made_at() < replay.until);
        let mut page = Page { wanted: Vec::new(), already: 0, examined: within.len(), last };
        for delivery in within {
            page.take(replay, delivery);
        }
        Ok(page)
    }

    /// Everything that was published, with what the webhook has of it.
    async fn page_of_events(
        &self,
        replay: &Replay,
        webhook: &Webhook,
        now: Timestamp,
    ) -> Result<Page, DispatchError> {
        let (table, org) = (&self.core.table, replay.org);
        let from = replay.after.unwrap_or(EventId::earliest(replay.since));
        let (events, last) = table.events_from(org, from, replay.until, PAGE, now).await?;
        let ids: Vec<_> =
            events.iter().map(|event| DeliveryId { event: event.id, webhook: webhook.id }).collect();
        let deliveries = table.deliveries_by_id(org, &ids).await?;
        let mut page = Page { wanted: Vec::new(), already: 0, examined: events.len(), last };
        for (event, delivery) in events.into_iter().zip(deliveries) {
            match delivery {
                Some(delivery) => page.take(replay, delivery),
                None if replay.wants_untried(&event, webhook) => {
                    let id = DeliveryId { event: event.id, webhook: webhook.id };
                    page.wanted.push((id, Delivery::untried(id, event.kind), false));
                }
                None => {}
            }
        }
        Ok(page)
    }

    /// Each is made due, and then put into the queue, so far apart as the replay says.
    async fn send_again(&self, replay: &Replay, page: &Page) -> Result<(), DispatchError> {
        let now = self.core.clock.now();
        let mut tasks: Vec<Task> = Vec::new();
        for (id, before, there) in &page.wanted {
            let apart = Duration::from_millis(1000 / u64::from(replay.rate.max(1)));
            let due = now.plus(apart * u32::try_from(tasks.len()).unwrap_or(u32::MAX));
            let Ok(again) = before.clone().replayed(replay.id, due, *there) else { continue };
            let transaction = self.core.table.transaction();
            let transaction = if *there {
                transaction.reopen_delivery(replay.org, before, &again, now)?
            } else {
                transaction.open_delivery(replay.org, &again, now)?
            };
            // Refused where somebody else has sent it meanwhile.
            if transaction.commit().await?.is_ok() {
                let attempt = again.attempts.saturating_add(1);
                tasks.push(DeliveryTask::new(replay.org, *id, attempt, due).into());
            }
        }
        Ok(self.queue.send(&tasks, now).await?)
    }
}

impl Page {
    fn take(&mut self, replay: &Replay, delivery: Delivery) {
        match replay.wants(&delivery) {
            Wanted::Yes => self.wanted.push((delivery.id, delivery, true)),
            Wanted::Already => self.already += 1,
            Wanted::No => {}
        }
    }
}
