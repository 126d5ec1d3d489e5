//! Links in mails: what stands behind one, and the token that it carries.
//!
//! Nothing of a token is stored. It names an item and authenticates that name under SECRET_KEY, so a
//! copy of the table opens nothing, and the mail can be made again by whoever holds the key. A link is
//! used up by whoever deletes its item, in the transaction of what the link is for.

mod model;
mod store;
mod token;

pub use model::{Link, LinkPurpose, Way};
pub use token::{InvitationToken, LinkToken};
