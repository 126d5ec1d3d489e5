//! What others made is verified as they verify it.
//!
//! The hashes here were made with Python 3.11: `bcrypt` 5.0.0 (`hashpw(password, gensalt(cost))`; the
//! one that starts with `$2y$` is renamed from `$2b$`, which is all that PHP does differently),
//! `hashlib.scrypt` and `hashlib.pbkdf2_hmac` with the bytes 0 to 15 as the salt, written as PHC
//! strings; Django 5.2.19 (`PBKDF2PasswordHasher().encode(password, salt, iterations)`), and
//! argon2-cffi 25.1.0 (`low_level.hash_secret`).

use super::*;

const HORSE: &str = "correct horse battery staple";
const POLISH: &str = "za\u{17c}\u{f3}\u{142}\u{107} g\u{119}\u{15b}l\u{105} ja\u{17a}\u{144}";
const POLISH_AND_NUL: &str = "za\u{17c}\u{f3}\u{142}\u{107} g\u{119}\u{15b}l\u{105} ja\u{17a}\u{144}\0 ";
const BCRYPT_HORSE: &str = "$2b$04$Me2ctiCOGv3zWO5Hir706uOy1LhXiYT5xS4gAEWwZmE1EsPrlcmLm";
/// Of 72 digits.
const BCRYPT_DIGITS: &str = "$2b$04$DpBwwZraA35GCjVHqACLQOponsQ1W8i7j0FIlvgwljdTfwLNp50qi";
/// Of `a`.
const BCRYPT_A: &str = "$2b$04$wDCmlYVPjQYsVwHgS9BxvePnUw376jCnoEjWSQ78Hpiqfg2hqg1G6";

const SALT: &str = "AAECAwQFBgcICQoLDA0ODw";
const OUTPUT: &str = "gYJZtjEAJqjg26xdLmknq8/bB7MiWPrE9hsYuA+SkIU";

/// Whether it is the hash of the password; and whether it is weak, which all of them are.
fn is_of(stored: &str, password: &str) -> bool {
    let stored = Stored::parse(stored).unwrap();
    assert!(stored.is_weak());
    stored.is_of(password.as_bytes(), &HashMemory::for_one()).unwrap()
}

#[test]
fn hashes_of_independent_makers_verify_and_are_weak() {
    for (stored, password) in [
        (BCRYPT_HORSE, HORSE),
        ("$2a$05$/nIQvcU.buVWxMlO2qHNl.fsEnFt.Dyz.dk3HjGZ/O7HMo3uiateW", HORSE),
        ("$2y$06$r6Yj04Wivp0yOAcu4ZSqseXGYK34qSy5cxbA7VpPpXRPGpawjkFga", HORSE),
        ("$2b$04$IGcVNko8nQbfvw6EV8TkbOMM9l2ynHeCVDbapXlItpivaCclZFWlu", POLISH),
        ("$scrypt$ln=10,r=8,p=1$AAECAwQFBgcICQoLDA0ODw$mp90zEQd5XGhjEv4WArVH4Z0XRSzkGWtJK2S/AXJlRU", HORSE),
        (
            "$scrypt$ln=4,r=1,p=3$AAECAwQFBgcICQoLDA0ODw$wzBnG/RY+gIQB48PPCE/8Q2sgzoeU9/c8lMlGDH1yWs60tqDBu7B6Pn6XqM3VWqEUwCTJDKDbq+j4ZAlS7LiVQ",
            HORSE,
        ),
        (
            "$scrypt$ln=8,r=8,p=2$AAECAwQFBgcICQoLDA0ODw$JQlikxtE2KgmyB+yO3J9HPmKIjy4Y4G5DmDRRiRNJ6s",
            POLISH_AND_NUL,
        ),
        ("$pbkdf2-sha256$i=1000$AAECAwQFBgcICQoLDA0ODw$ppsXnjrdPB4KryJ6DrOqKqhkWrhv7PbKAMF1Eml8cZ4", HORSE),
        (
            "$pbkdf2-sha256$i=1,l=32$AAECAwQFBgcICQoLDA0ODw$EbPOIB+rJ4sS8eT5RFB0/MId0T596EOlXEK9DMj56H0",
            POLISH_AND_NUL,
        ),
        (
            "$pbkdf2-sha512$i=1000$AAECAwQFBgcICQoLDA0ODw$A6AmFIti7CKlYdoPiV9jf1d9llp37o27Wms8Zx8fwMJGCOigJzAthOW3Pg+XF5PnNiYnsQsIz1N5NtynrEm78w",
            HORSE,
        ),
        (
            "$pbkdf2-sha512$i=2000,l=32$AAECAwQFBgcICQoLDA0ODw$+X48vYmR2mMJfFymnu1uM9/WxueLy+2NapZFLrFIijs",
            HORSE,
        ),
        ("pbkdf2_sha256$1000$NaCl0123456789$9yfhy50gsUsMZIRg1riMzvqZvDc+9wqWBaI0NF6hd1c=", HORSE),
        ("pbkdf2_sha256$1000$s\u{f3}l$Ij/g1GcQ5ikZ/Xal53ddTKOXYsydo9yH15S99BeFwFE=", POLISH_AND_NUL),
        (
            "$argon2i$v=19$m=1024,t=3,p=2$AAECAwQFBgcICQoLDA0ODw$wu191Rh/9L1npkIYixLu+HN0PLuTQhVcjb7qG6gmK98",
            HORSE,
        ),
    ] {
        assert!(is_of(stored, password), "{stored}");
        assert!(!is_of(stored, "correct horse battery stapl3"), "{stored}");
        assert!(!is_of(stored, ""), "{stored}");
    }
}

#[test]
fn one_that_is_stronger_than_ours_stays() {
    let stored =
        "$argon2id$v=19$m=65536,t=4,p=1$AAECAwQFBgcICQoLDA0ODw$pUpSzNk5FnCcS+oqourcaU3oGYa7dwOEU7arpVp2XZ0";
    let (stored, memory) = (Stored::parse(stored).unwrap(), HashMemory::for_one());
    assert!(stored.is_of(HORSE.as_bytes(), &memory).unwrap());
    assert!(!stored.is_weak());
    assert_eq!(memory.spare(), 1, "the larger memory is given back");
}

#[test]
fn bcrypt_looks_at_72_bytes_as_it_always_did() {
    let digits: String = "0123456789".chars().cycle().take(72).collect();
    assert!(is_of(BCRYPT_DIGITS, &digits));
    assert!(is_of(BCRYPT_DIGITS, &format!("{digits} and more")));
    assert!(!is_of(BCRYPT_DIGITS, &digits[..71]));
}

#[test]
fn what_bcrypt_cannot_tell_apart_because_of_a_nul_is_wrong() {
    assert!(is_of(BCRYPT_A, "a"));
    assert!(!is_of(BCRYPT_A, "a\0"));
    assert!(!is_of(BCRYPT_A, "a\0a"));
}

#[test]
fn bits_that_say_nothing_at_the_end_of_a_bcrypt_salt_are_read_over() {
    // `u` and `v` differ in bits that are behind the 16 bytes of the salt.
    assert!(is_of(&BCRYPT_HORSE.replace("706uOy", "706vOy"), HORSE));
}

#[test]
fn what_cannot_be_verified_is_an_error_and_not_a_wrong_password() {
    let bcrypt = &BCRYPT_HORSE[7..];
    for stored in [
        String::new(),
        "secret".to_owned(),
        format!("$argon2d$v=19$m=19456,t=2,p=1${SALT}${OUTPUT}"),
        format!("$argon2id$v=16$m=19456,t=2,p=1${SALT}${OUTPUT}"),
        format!("$argon2id$m=19456,t=2,p=1${SALT}${OUTPUT}"),
        format!("$argon2id$v=19$m=1,t=2,p=1${SALT}${OUTPUT}"),
        format!("$argon2id$v=19$m=19456,t=2,p=1${SALT}"),
        "$argon2id$v=19$m=19456,t=2,p=1".to_owned(),
        format!("$2b$4${bcrypt}"),
        format!("$2b$+4${bcrypt}"),
        format!("$2b$03${bcrypt}"),
        format!("$2b$004${bcrypt}"),
        format!("$2x$04${bcrypt}"),
        format!("$2b$04${}", &bcrypt[1..]),
        format!("$2b$04${bcrypt}."),
        format!("$2b$04${}!", &bcrypt[1..]),
        format!("$2b$04$\u{142}{}", &bcrypt[2..]),
        "$2b$".to_owned(),
        "$2b$04".to_owned(),
        "$2b$\u{142}$".to_owned(),
        format!("$scrypt$ln=10,r=8${SALT}${OUTPUT}"),
        format!("$scrypt$ln=10,r=8,p=1,x=1${SALT}${OUTPUT}"),
        format!("$scrypt$v=1$ln=10,r=8,p=1${SALT}${OUTPUT}"),
        format!("$scrypt$ln=10,r=0,p=1${SALT}${OUTPUT}"),
        format!("$scrypt$ln=10,r=8,p=0${SALT}${OUTPUT}"),
        format!("$scrypt$ln=10,r=8,p=1${SALT}"),
        format!("$pbkdf2-sha256${SALT}${OUTPUT}"),
        format!("$pbkdf2-sha256$i=0${SALT}${OUTPUT}"),
        format!("$pbkdf2-sha256$i=1000,l=31${SALT}${OUTPUT}"),
        format!("$pbkdf2-sha256$i=1000,x=1${SALT}${OUTPUT}"),
        format!("$pbkdf2-sha256$i=1000${SALT}"),
        // Ten bytes; and more than SHA-256 makes in one block.
        format!("$pbkdf2-sha256$i=1000${SALT}$AAECAwQFBgcICQ"),
        format!("$pbkdf2-sha256$i=1000${SALT}${OUTPUT}AAAA"),
        format!("$pbkdf2-sha1$i=1000${SALT}${OUTPUT}"),
        format!("pbkdf2_sha256$1000${SALT}${OUTPUT}"),
        format!("pbkdf2_sha256$0${SALT}${OUTPUT}="),
        format!("pbkdf2_sha256$-1${SALT}${OUTPUT}="),
        format!("pbkdf2_sha256$1000${SALT}${OUTPUT}=$"),
        format!("pbkdf2_sha256$1000${}${OUTPUT}=", "s".repeat(129)),
        format!("pbkdf2_sha1$1000${SALT}${OUTPUT}="),
        format!("pbkdf2_sha256$1000${SALT}$"),
    ] {
        assert!(Stored::parse(&stored).is_err(), "{stored}");
    }
}

#[test]
fn a_hash_may_ask_for_so_much_and_for_no_more() {
    let bcrypt = &BCRYPT_HORSE[7..];
    let (at_most, too_much): (Vec<_>, Vec<_>) = [
        ("$argon2id$v=19$m=65536,t=5,p=4", "$argon2id$v=19$m=65537,t=1,p=4"),
        ("$argon2id$v=19$m=40960,t=8,p=1", "$argon2id$v=19$m=65536,t=6,p=1"),
        ("$argon2id$v=19$m=19456,t=8,p=1", "$argon2id$v=19$m=19456,t=9,p=1"),
        ("$argon2i$v=19$m=19456,t=2,p=4", "$argon2i$v=19$m=19456,t=2,p=5"),
        ("$argon2id$v=19$m=65536,t=1,p=1", "$argon2id$v=19$m=4294967295,t=1,p=1"),
        ("$scrypt$ln=17,r=8,p=1", "$scrypt$ln=18,r=8,p=1"),
        ("$scrypt$ln=16,r=8,p=2", "$scrypt$ln=16,r=8,p=3"),
        ("$scrypt$ln=20,r=1,p=1", "$scrypt$ln=21,r=1,p=1"),
        ("$scrypt$ln=14,r=8,p=5", "$scrypt$ln=4294967295,r=8,p=1"),
        ("$scrypt$ln=1,r=1,p=1", "$scrypt$ln=1,r=4294967295,p=4294967295"),
        ("$pbkdf2-sha256$i=2000000", "$pbkdf2-sha256$i=2000001"),
        ("$pbkdf2-sha512$i=500000", "$pbkdf2-sha512$i=500001"),
    ]
    .map(|(at_most, too_much)| [at_most, too_much].map(|hash| format!("{hash}${SALT}${OUTPUT}")))
    .into_iter()
    .chain([
        [format!("$2b$12${bcrypt}"), format!("$2b$13${bcrypt}")],
        [format!("$2b$12${bcrypt}"), format!("$2b$99${bcrypt}")],
        [2_000_000, 2_000_001].map(|i| format!("pbkdf2_sha256${i}${SALT}${OUTPUT}=")),
    ])
    .map(|[at_most, too_much]| (at_most, too_much))
    .unzip();
    for stored in at_most {
        assert!(Stored::parse(&stored).is_ok(), "{stored}");
    }
    for stored in too_much {
        let refused = Stored::parse(&stored).err().map(|error| error.to_string());
        let expected = "a stored password hash cannot be used: its parameters ask for too much";
        assert_eq!(refused.as_deref(), Some(expected), "{stored}");
    }
}
