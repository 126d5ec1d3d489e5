//! The real binaries.
