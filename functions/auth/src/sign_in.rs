//! A session begins: for whoever has shown all that they have to show.

use shared::audit::{Action, Actor, Entry, Origin};
use shared::id::{OrgId, SessionId};
use shared::mail::Mail;
use shared::problem::Problem;
use shared::session::{Device, Session};
use shared::table::{Cancelled, StoreError, Table, Transaction};

use crate::Auth;
use crate::account::Account;
use crate::tokens::SignedIn;

/// Where a request comes from, as a session remembers it.
pub(crate) fn device(origin: &Origin) -> Device {
    Device { user_agent: origin.user_agent.clone(), address: Some(origin.address.to_string()) }
}

/// Commits what `build` makes, with records of it where there is an organisation to keep them.
pub(crate) async fn audited<'a>(
    table: &'a Table,
    org: Option<OrgId>,
    entries: impl AsRef<[Entry]>,
    build: impl Fn() -> Result<Transaction<'a>, StoreError>,
) -> Result<Result<(), Cancelled>, StoreError> {
    match org {
        Some(org) => table.commit_audited(org, entries.as_ref(), build).await,
        None => build()?.commit().await,
    }
}

/// The same for what takes something away: see [`Table::commit_urgent`].
pub(crate) async fn taken_away<'a>(
    table: &'a Table,
    org: Option<OrgId>,
    entry: Entry,
    build: impl Fn() -> Result<Transaction<'a>, StoreError>,
) -> Result<Result<(), Cancelled>, StoreError> {
    match org {
        Some(org) => table.commit_urgent(org, &[entry], build).await,
        None => build()?.commit().await,
    }
}

/// Asks for a mail that only tells what has happened: that it happened does not depend on it.
pub(crate) async fn tell(auth: &Auth, mail: Mail) {
    if let Err(error) = auth.mail.send(mail, auth.core.clock.now()).await {
        tracing::error!(error = %error, "a mail that tells what happened could not be asked for");
    }
}

/// Begins a session of `account`, in the organisation that it is in, and answers with its tokens.
/// `how` is what the audit log calls it.
pub(crate) async fn sign_in(
    auth: &Auth,
    account: Account,
    origin: &Origin,
    how: Action,
) -> Result<SignedIn, Problem> {
    let core = &auth.core;
    let now = core.clock.now();
    let id = SessionId::new(now, &core.entropy)?;
    let (user, org) = (&account.user, account.org());
    let session = Session::begin(id, (user.id, user.epoch), org, device(origin), now);
    let digest = session.device.digest();
    let known = user.devices.contains(&digest);
    let entry = origin.entry(how, Actor::User(user.id), now).on(id);
    let written = audited(&core.table, org, [entry], || {
        let transaction = core.table.transaction().put_session(&session)?;
        if known { Ok(transaction) } else { transaction.remember_device(user.id, &user.devices, &digest) }
    });
    // Refused when the person was deleted since they were read, or by a repetition of our own call.
    written.await?.map_err(|Cancelled(_)| StoreError::Contended)?;
    if !known && !user.devices.is_empty() {
        tell(auth, Mail::NewDevice { user: user.id, session: id }).await;
    }
    SignedIn::issue(core, &session, account).await
}
