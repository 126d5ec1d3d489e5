//! The passwords that everybody tries first, as fingerprints. `well_known.py` makes them and says of what.

use aws_lc_rs::digest::{SHA256, digest};

/// The start of a SHA-256, sorted. A password that is not in the list meets one of 10,180 by chance
/// less than once in a hundred million times.
static FINGERPRINTS: &[u8] = include_bytes!("well_known.bin");

const BYTES: usize = 5;

/// Whether the password is in the list, whatever its case. Exactly: with a digit more it is another
/// one, and whether that is well known only a larger list can say.
pub(super) fn is_well_known(password: &str) -> bool {
    let digest = digest(&SHA256, password.to_lowercase().as_bytes());
    let (fingerprints, _) = FINGERPRINTS.as_chunks::<BYTES>();
    digest.as_ref().first_chunk().is_some_and(|print| fingerprints.binary_search(print).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_whole_and_in_order() {
        let (fingerprints, rest) = FINGERPRINTS.as_chunks::<BYTES>();
        assert_eq!((fingerprints.len(), rest), (10_180, &[][..]));
        assert!(fingerprints.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn the_first_and_the_last_are_there_in_any_case() {
        // The 10,000th is `dalmatio`; the other is the first of those that are there for their length.
        for password in ["password", "12345678", "dalmatio", "ingodwetrust"] {
            assert!(is_well_known(password), "{password}");
            assert!(is_well_known(&password.to_uppercase()), "{password}");
        }
    }

    #[test]
    fn others_are_not_nor_is_one_with_something_around_it() {
        for password in
            ["ranger12", "correct horse battery", "1q2w3e4r5t6y7", " qwerty123456", "qwerty123456 ", ""]
        {
            assert!(!is_well_known(password), "{password}");
        }
    }
}
