//! `/api/organizations*`.

mod repetition;
