//! People: who has which e-mail address, and what they are called.

mod model;
mod store;

pub use model::{Email, User, UserStatus};
pub use store::Login;
pub(crate) use store::user_of;
