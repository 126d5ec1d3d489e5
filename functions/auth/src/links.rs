//! What a link in a mail stands for, for the operations that use it up. One that is unknown, used or
//! over answers as one that never was.

use shared::context::Core;
use shared::link::{Link, LinkToken};
use shared::problem::{Kind, Problem};

use crate::invited::TokenText;

/// The answer to a link that cannot be used.
pub(crate) fn unusable() -> Problem {
    Problem::because(Kind::InvalidLink, "it is unknown, was used, or its time is over")
}

/// What stands behind a token, which is not used up by that.
pub(crate) async fn find(core: &Core, text: &TokenText) -> Result<Link, Problem> {
    let token = match LinkToken::parse(&text.0, &*core.keys.ring().await) {
        Some(token) => token,
        // It does not name its key: where none at hand made it, there may be a newer one.
        None => LinkToken::parse(&text.0, &*core.keys.ring_again().await).ok_or_else(unusable)?,
    };
    core.table.link(token.0, core.clock.now()).await?.ok_or_else(unusable)
}
