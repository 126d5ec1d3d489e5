//! What there is to say: looked up now, since what was asked for may be over by now.

use shared::clock::Timestamp;
use shared::id::{ApiKeyId, InvitationId, LinkId, OrgId, SessionId, UserId, WebhookId};
use shared::link::{InvitationToken, Link, LinkPurpose, LinkToken};
use shared::mail::{Mail, MailTask};
use shared::name::Name;
use shared::organization::OrganizationStatus;
use shared::table::StoreError;
use shared::user::{Email, User, UserStatus};

use crate::write::{self, Words};
use crate::{Letter, Mailer};

/// The mail of a task, if there is still one to send.
pub(crate) async fn letter(
    mailer: &Mailer,
    task: &MailTask,
    now: Timestamp,
) -> Result<Option<Letter>, StoreError> {
    match &task.mail {
        Mail::Registration { link } => registration(mailer, *link, now).await,
        Mail::Verification { email, link } => verification(mailer, email, *link, now).await,
        Mail::PasswordReset { email, link } => password_reset(mailer, email, *link, now).await,
        Mail::EmailChange { link } => email_change(mailer, *link, now).await,
        Mail::EmailChanged { user, old } => {
            let user = mailer.core.table.user(*user).await?;
            Ok(user.map(|_| Letter { to: old.clone(), page: write::email_changed() }))
        }
        Mail::PasswordChanged { user } => to(mailer, *user, |_| write::password_changed(task.at)).await,
        Mail::SecondFactorChanged { user, enabled } => {
            to(mailer, *user, |_| write::second_factor_changed(*enabled, task.at)).await
        }
        Mail::NewDevice { user, session } => new_device(mailer, *user, *session).await,
        Mail::SessionStolen { user } => to(mailer, *user, |_| write::session_stolen(task.at)).await,
        Mail::ApiKeyLeaked { user, key } => api_key_leaked(mailer, *user, *key).await,
        Mail::WebhookFailing { user, organization, webhook, disabled } => {
            webhook_failing(mailer, *user, (*organization, *webhook), *disabled).await
        }
        Mail::Invitation { organization, invitation, generation } => {
            self::invitation(mailer, *organization, (*invitation, *generation), now).await
        }
    }
}

type Found = Result<Option<Letter>, StoreError>;

async fn to(mailer: &Mailer, user: UserId, page: impl FnOnce(&User) -> crate::page::Page) -> Found {
    let user = mailer.core.table.user(user).await?;
    Ok(user.map(|user| Letter { page: page(&user), to: user.email }))
}

/// Where a link leads. The token is behind the `#`: browsers send that to nobody.
async fn url(mailer: &Mailer, action: &str, token: Token) -> String {
    let ring = mailer.core.keys.ring().await;
    let token = match token {
        Token::Link(link) => LinkToken(link).reveal(&ring),
        Token::Invitation(token) => token.reveal(&ring),
    };
    format!("{}#action={action}&token={token}", mailer.link_url)
}

enum Token {
    Link(LinkId),
    Invitation(InvitationToken),
}

/// Whoever has an account learns so from their mail, and from nothing else.
async fn registration(mailer: &Mailer, link: LinkId, now: Timestamp) -> Found {
    let Some(Link { id, purpose, .. }) = mailer.core.table.link(link, now).await? else { return Ok(None) };
    let LinkPurpose::Registration { email, .. } = purpose else { return Ok(None) };
    let page = match mailer.core.table.login(&email).await? {
        Some(_) => write::account_exists(),
        None => write::verify_email(&url(mailer, "verify-email", Token::Link(id)).await),
    };
    Ok(Some(Letter { to: email, page }))
}

async fn verification(mailer: &Mailer, digest: &str, link: LinkId, now: Timestamp) -> Found {
    let table = &mailer.core.table;
    if let Some(login) = table.login_by_digest(digest).await? {
        let user = table.user(login.user).await?;
        let unverified = user.filter(|user| user.status == UserStatus::Active && !user.email_verified);
        let Some(user) = unverified else { return Ok(None) };
        let email = user.email.clone();
        let purpose = LinkPurpose::Verification { user: user.id, email, epoch: login.epoch };
        // A task that comes again does not bring a used link back.
        if !table.put_link(&Link::new(link, purpose, now), now).await? {
            return Ok(None);
        }
        let page = write::verify_email(&url(mailer, "verify-email", Token::Link(link)).await);
        return Ok(Some(Letter { to: user.email, page }));
    }
    let Some(pending) = table.pending_registration(digest, now).await? else { return Ok(None) };
    let page = write::verify_email(&url(mailer, "verify-email", Token::Link(pending.id)).await);
    Ok(Some(Letter { to: pending.purpose.recipient().clone(), page }))
}

async fn password_reset(mailer: &Mailer, digest: &str, link: LinkId, now: Timestamp) -> Found {
    let table = &mailer.core.table;
    let Some(login) = table.login_by_digest(digest).await? else { return Ok(None) };
    let user = table.user(login.user).await?.filter(|user| user.status == UserStatus::Active);
    let Some(user) = user else { return Ok(None) };
    let (email, epoch) = (user.email.clone(), login.epoch);
    let purpose = LinkPurpose::PasswordReset { user: user.id, email, epoch };
    if !table.put_link(&Link::new(link, purpose, now), now).await? {
        return Ok(None);
    }
    let page = write::reset_password(&url(mailer, "reset-password", Token::Link(link)).await);
    Ok(Some(Letter { to: user.email, page }))
}

async fn email_change(mailer: &Mailer, link: LinkId, now: Timestamp) -> Found {
    let table = &mailer.core.table;
    let Some(Link { id, purpose, .. }) = table.link(link, now).await? else { return Ok(None) };
    let LinkPurpose::EmailChange { new, .. } = purpose else { return Ok(None) };
    let page = match table.login(&new).await? {
        Some(_) => write::account_exists(),
        None => write::confirm_email(&url(mailer, "confirm-email", Token::Link(id)).await),
    };
    Ok(Some(Letter { to: new, page }))
}

async fn new_device(mailer: &Mailer, user: UserId, session: SessionId) -> Found {
    let table = &mailer.core.table;
    let (user, session) = (table.user(user).await?, table.session(user, session).await?);
    let (Some(user), Some(session)) = (user, session) else { return Ok(None) };
    let page = write::new_device(session.created_at, &session.device);
    Ok(Some(Letter { to: user.email, page }))
}

async fn api_key_leaked(mailer: &Mailer, user: UserId, key: ApiKeyId) -> Found {
    let table = &mailer.core.table;
    let (user, stored) = (table.user(user).await?, table.stored_key(key).await?);
    let (Some(user), Some(stored)) = (user, stored) else { return Ok(None) };
    let page = write::api_key_leaked(stored.key.name.as_str(), &stored.key.hint);
    Ok(Some(Letter { to: user.email, page }))
}

/// To an administrator who is one still, of a webhook that is there still.
async fn webhook_failing(
    mailer: &Mailer,
    user: UserId,
    (org, webhook): (OrgId, WebhookId),
    disabled: bool,
) -> Found {
    let table = &mailer.core.table;
    let member = table.member(user, org).await?;
    let webhook = table.webhook(org, webhook).await?;
    let (Some(member), Some(webhook)) = (member, webhook) else { return Ok(None) };
    let organization = member.organization.name.as_str();
    let health = table.health(org, webhook.id).await?;
    let error = health.streak.map(|streak| streak.last_error);
    let page = write::webhook_failing(organization, &webhook.url, error.as_deref(), disabled);
    Ok(Some(Letter { to: member.user.email, page }))
}

async fn invitation(
    mailer: &Mailer,
    org: OrgId,
    (id, generation): (InvitationId, u32),
    now: Timestamp,
) -> Found {
    let table = &mailer.core.table;
    let invitation = table.invitation(org, id).await?;
    let live = invitation.filter(|found| found.is_live(now) && found.generation == generation);
    let Some(invitation) = live else { return Ok(None) };
    let member = table.member(invitation.inviter, org).await?;
    let usable = member.filter(|found| found.organization.status == OrganizationStatus::Active);
    let Some(inviter) = usable else { return Ok(None) };
    let token = Token::Invitation(InvitationToken { org, invitation: id, generation });
    let words = Words {
        organization: inviter.organization.name.as_str(),
        inviter: inviter.user.name.as_ref().map(Name::as_str),
        role: invitation.role,
        until: invitation.expires_at,
    };
    let page = write::invitation(&words, &url(mailer, "accept-invitation", token).await);
    let to: Email = invitation.email;
    Ok(Some(Letter { to, page }))
}
