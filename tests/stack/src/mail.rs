//! The mails that functions send: kept for whoever wants to read them, never passed on.

pub(crate) mod page;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::kept;

/// Older ones are forgotten.
const MAILS_MAX: usize = 500;

/// A mail that a function sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// The `MessageId` that the sender got.
    pub id: String,
    /// As the sender gave it, with the name.
    pub from: String,
    /// Everybody who gets it, copies included.
    pub to: Vec<String>,
    /// What stands above it.
    pub subject: String,
    /// The body as plain text.
    pub text: Option<String>,
    /// The body as HTML.
    pub html: Option<String>,
    /// Where answers go, if not to `from`.
    pub reply_to: Vec<String>,
    /// Headers that the sender added: name and value.
    pub headers: Vec<(String, String)>,
    /// `2026-11-23T10:15:00Z`.
    pub received_at: String,
}

#[derive(Debug, Default)]
struct Inside {
    mails: VecDeque<Mail>,
    /// How many ever came.
    received: u64,
    /// How many of those [`Mailbox::within`] has handed out or passed over.
    handed_out: u64,
}

impl Inside {
    fn hand_out(&mut self) -> Option<Mail> {
        let forgotten = self.received - self.mails.len() as u64;
        self.handed_out = self.handed_out.max(forgotten);
        let place = usize::try_from(self.handed_out - forgotten).ok()?;
        let mail = self.mails.get(place).cloned()?;
        self.handed_out += 1;
        Some(mail)
    }
}

#[derive(Debug)]
struct Shared {
    inside: Mutex<Inside>,
    received: watch::Sender<u64>,
    file: Option<PathBuf>,
}

/// A handle on the mails; clones are the same mails.
#[derive(Debug, Clone)]
pub(crate) struct Mailbox {
    shared: Arc<Shared>,
}

impl Mailbox {
    /// With the mails of the file, which later ones are added to; without one, in memory.
    pub(crate) fn open(file: Option<PathBuf>) -> std::io::Result<Mailbox> {
        let mails: VecDeque<Mail> = match &file {
            Some(path) => kept::read(path)?.unwrap_or_default(),
            None => VecDeque::new(),
        };
        let received = mails.len() as u64;
        // What an earlier run received is not waited for.
        let inside = Mutex::new(Inside { mails, received, handed_out: received });
        Ok(Mailbox { shared: Arc::new(Shared { inside, received: watch::channel(received).0, file }) })
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.shared.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn put(&self, mail: Mail) -> std::io::Result<()> {
        let mut inside = self.inside();
        inside.mails.push_back(mail);
        if inside.mails.len() > MAILS_MAX {
            inside.mails.pop_front();
        }
        inside.received += 1;
        self.shared.received.send_replace(inside.received);
        match &self.shared.file {
            Some(path) => kept::write(path, &inside.mails),
            None => Ok(()),
        }
    }

    /// The oldest first.
    pub(crate) fn all(&self) -> Vec<Mail> {
        self.inside().mails.iter().cloned().collect()
    }

    pub(crate) fn find(&self, id: &str) -> Option<Mail> {
        self.inside().mails.iter().find(|mail| mail.id == id).cloned()
    }

    /// The next mail that this has not handed out before, once it is there; nothing if
    /// none comes in that time.
    pub(crate) async fn within(&self, bound: Duration) -> Option<Mail> {
        let mut received = self.shared.received.subscribe();
        let next = async {
            loop {
                if let Some(mail) = self.inside().hand_out() {
                    return Some(mail);
                }
                received.changed().await.ok()?;
            }
        };
        tokio::time::timeout(bound, next).await.ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(id: usize) -> Mail {
        Mail {
            id: id.to_string(),
            from: "a@example.com".to_owned(),
            to: vec!["b@example.com".to_owned()],
            subject: String::new(),
            text: None,
            html: None,
            reply_to: Vec::new(),
            headers: Vec::new(),
            received_at: "2026-01-01T00:00:00Z".to_owned(),
        }
    }

    #[tokio::test]
    async fn only_the_last_mails_are_kept_and_what_was_forgotten_is_passed_over() {
        let mailbox = Mailbox::open(None).unwrap();
        for id in 1..=MAILS_MAX + 2 {
            mailbox.put(mail(id)).unwrap();
        }
        assert_eq!(mailbox.all().len(), MAILS_MAX);
        assert_eq!(mailbox.find("2"), None);
        assert_eq!(mailbox.within(Duration::ZERO).await, Some(mail(3)));
        assert_eq!(mailbox.within(Duration::ZERO).await, Some(mail(4)));
    }

    #[tokio::test]
    async fn a_mail_that_comes_later_is_waited_for() {
        let mailbox = Mailbox::open(None).unwrap();
        assert_eq!(mailbox.within(Duration::ZERO).await, None);
        let (next, put) = tokio::join!(mailbox.within(Duration::from_secs(10)), async {
            tokio::task::yield_now().await;
            mailbox.put(mail(1))
        });
        put.unwrap();
        assert_eq!(next, Some(mail(1)));
    }
}
