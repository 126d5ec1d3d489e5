//! The words of each mail: what happened, what to do, and what to do if it was somebody else.

use shared::clock::Timestamp;
use shared::scope::Role;
use shared::session::Device;

use crate::page::{Page, quoted};

const NOT_YOU: &str = "If that was not you, you need not do anything: nothing changes.";
const SECURE: &str = "If that was not you, choose another password at once: that signs out everybody who \
                      is signed in as you.";

/// What an invitation says.
pub(crate) struct Words<'a> {
    pub(crate) organization: &'a str,
    pub(crate) inviter: Option<&'a str>,
    pub(crate) role: Role,
    pub(crate) until: Timestamp,
}

/// To the minute, as people write it.
fn when(at: Timestamp) -> String {
    let text = at.to_string();
    format!("{} at {} UTC", text.get(..10).unwrap_or_default(), text.get(11..16).unwrap_or_default())
}

pub(crate) fn verify_email(url: &str) -> Page {
    Page::new("Confirm your e-mail address")
        .say("Somebody, hopefully you, registered with this address. Confirm that it is yours:")
        .link("Confirm the address", url)
        .say("The link is good for one day, once.")
        .say("If you did not register, do not open the link: without it there is no account.")
}

pub(crate) fn account_exists() -> Page {
    Page::new("You already have an account")
        .say("Somebody, perhaps you, wanted to use this address for an account. It has one already.")
        .say("If that was you, log in. If you forgot your password, ask for another on the same page.")
        .say(NOT_YOU)
}

pub(crate) fn reset_password(url: &str) -> Page {
    Page::new("Choose another password")
        .say("Somebody, hopefully you, forgot the password of your account. Choose another:")
        .link("Choose a password", url)
        .say("The link is good for half an hour, once. You will be signed out everywhere.")
        .say(NOT_YOU)
}

pub(crate) fn confirm_email(url: &str) -> Page {
    Page::new("Confirm your new e-mail address")
        .say("You asked to use this address for your account. Confirm that it is yours:")
        .link("Use this address", url)
        .say("The link is good for one hour, once.")
        .say(NOT_YOU)
}

pub(crate) fn email_changed() -> Page {
    Page::new("Your e-mail address was changed")
        .say("Your account has another e-mail address now. You log in with that one from now on.")
        .say("If that was not you, somebody knows your password: write to whoever runs this service.")
}

pub(crate) fn password_changed(at: Timestamp) -> Page {
    Page::new("Your password was changed")
        .say(format!("The password of your account was changed on {}.", when(at)))
        .say(SECURE)
}

pub(crate) fn second_factor_changed(enabled: bool, at: Timestamp) -> Page {
    let now = if enabled { "on" } else { "off" };
    Page::new(format!("Your second factor is {now}"))
        .say(format!("The second factor of your account was switched {now} on {}.", when(at)))
        .say(SECURE)
}

pub(crate) fn new_device(at: Timestamp, device: &Device) -> Page {
    let program = device.user_agent.as_deref().map_or_else(|| "a program without a name".to_owned(), quoted);
    let address = device.address.as_deref().unwrap_or("an unknown address");
    Page::new("You signed in on a new device")
        .say(format!("Your account was signed in to on {}, with {program}, from {address}.", when(at)))
        .say(SECURE)
}

pub(crate) fn session_stolen(at: Timestamp) -> Page {
    Page::new("One of your sessions was ended")
        .say(format!(
            "On {} somebody used a sign-in of yours that had been replaced. It may have been copied, so we \
             ended it everywhere. Log in again where you need to.",
            when(at)
        ))
        .say(SECURE)
}

pub(crate) fn api_key_leaked(name: &str, hint: &str) -> Page {
    Page::new("One of your API keys was found in the open")
        .say(format!(
            "Somebody found your API key {} and showed us that they have all of it. It is switched off: \
             nothing accepts it any more.",
            quoted(name)
        ))
        .say(format!("It begins with {hint}"))
        .say("Make another key for what used it, and look in the audit log for what it was used for.")
}

pub(crate) fn webhook_failing(organization: &str, url: &str, error: Option<&str>, disabled: bool) -> Page {
    let (organization, url) = (quoted(organization), quoted(url));
    let last = error.map_or_else(String::new, |error| format!(" What it did last: {}", quoted(error)));
    if disabled {
        Page::new("A webhook was switched off")
            .say(format!(
                "The webhook of {organization} to {url} was switched off, because its receiver fails.{last}"
            ))
            .say("Events that come meanwhile are kept for 30 days as skipped.")
            .say("Mend the receiver, resume the webhook, and replay what is missing: nothing of the last 30 days is lost.")
    } else {
        Page::new("A webhook fails")
            .say(format!("The webhook of {organization} to {url} has failed for two and a half days.{last}"))
            .say("Its events are kept, and one is tried every quarter of an hour. If none arrives for as long again, the webhook is switched off.")
            .say("Mend the receiver: what waits for it arrives by itself then. Resuming the webhook has it tried at once.")
    }
}

pub(crate) fn invitation(words: &Words<'_>, url: &str) -> Page {
    let Words { organization, inviter, role, until } = words;
    let organization = quoted(organization);
    let inviter = inviter.map_or_else(|| "Somebody".to_owned(), quoted);
    Page::new("You are invited")
        .say(format!("{inviter} invites you to join the organisation {organization} as {}.", role.as_str()))
        .link("Accept the invitation", url)
        .say(format!("The link is good until {}, once, for this address.", when(*until)))
        .say("If you do not know them, you need not do anything.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_says_who_where_as_what_and_until_when() {
        let words = Words {
            organization: "Acme",
            inviter: Some("Ada"),
            role: Role::Admin,
            until: Timestamp::from_seconds(1_767_225_600),
        };
        assert_eq!(
            invitation(&words, "https://x.example/#t").text(),
            "\u{201c}Ada\u{201d} invites you to join the organisation \u{201c}Acme\u{201d} as admin.\n\n\
             Accept the invitation:\nhttps://x.example/#t\n\n\
             The link is good until 2026-01-01 at 00:00 UTC, once, for this address.\n\n\
             If you do not know them, you need not do anything.\n\n"
        );
    }
}
