//! Which addresses this deployment sends to: the text a customer gives, the operator's policy, the tables of
//! special addresses.
//!
//! The same checks run where a URL is stored (create, update) and where it is called (dispatcher). A name is
//! checked here by its spelling only; where it points is decided when it is called, because the answer can
//! change in between.

mod embedded;
mod host;
mod policy;
mod ports;
mod special;
mod target_url;

pub use host::NameError;
pub use policy::{EgressPolicy, EgressSetting, EgressSettingError, NotAllowed};
pub use ports::{PortRanges, PortsError};
pub use special::{Rule, is_public};
pub use target_url::{TargetUrl, TargetUrlError};
