//! Codes of a second factor (RFC 6238: SHA-1, six digits, 30 seconds), which every authenticator app knows.
//!
//! Pure: secret and time to code. That a code is taken once is the store's matter.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

/// Seconds that a code is good for, its neighbours apart.
const STEP_S: i64 = 30;
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The code of a step.
fn code(secret: &[u8], step: i64) -> u32 {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(&step.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let at = usize::from(hash[19] & 0xf);
    let four = [hash[at], hash[at + 1], hash[at + 2], hash[at + 3]];
    (u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000
}

/// The step whose code was typed: the one of now, or the one before or after it, for clocks that are not quite right and
/// for slow fingers. Blanks in the code do not matter.
pub(crate) fn step_of(secret: &[u8], typed: &str, now_s: i64) -> Option<i64> {
    let digits: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
    if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let typed: u32 = digits.parse().ok()?;
    let now = now_s.div_euclid(STEP_S);
    [now, now - 1, now + 1].into_iter().find(|step| code(secret, *step) == typed)
}

/// The secret as it is typed into an app, without padding.
pub(crate) fn base32(bytes: &[u8]) -> String {
    let (mut out, mut held, mut bits) = (String::new(), 0_u32, 0);
    for byte in bytes {
        held = (held << 8 | u32::from(*byte)) & 0xfff;
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            out.push(char::from(BASE32[(held >> bits & 31) as usize]));
        }
    }
    if bits > 0 {
        out.push(char::from(BASE32[(held << (5 - bits) & 31) as usize]));
    }
    out
}

/// Reads what [`base32`] gives.
pub(crate) fn from_base32(text: &str) -> Option<Vec<u8>> {
    let (mut out, mut held, mut bits) = (Vec::new(), 0_u32, 0);
    for byte in text.bytes() {
        let value = BASE32.iter().position(|one| *one == byte)?;
        held = (held << 5 | u32::try_from(value).ok()?) & 0xfff;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            out.push(u8::try_from(held >> bits & 0xff).ok()?);
        }
    }
    Some(out)
}

/// What an app reads from a link or a picture. Names have letters, digits and `._-@` only; letters beyond ASCII are
/// encoded.
pub(crate) fn uri(secret: &[u8], name: &str) -> String {
    let mut label = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"._-@".contains(&byte) {
            label.push(char::from(byte));
        } else {
            label += &format!("%{byte:02X}");
        }
    }
    format!("otpauth://totp/Paddock:{label}?secret={}&issuer=Paddock", base32(secret))
}

/// The code of a moment, as an app shows it.
#[cfg(test)]
pub(crate) fn shown(secret: &[u8], now_s: i64) -> String {
    format!("{:06}", code(secret, now_s.div_euclid(STEP_S)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, of whose eight digits we show the last six.
    const SECRET: &[u8] = b"12345678901234567890";
    const VECTORS: [(i64, &str); 6] = [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ];

    #[test]
    fn codes_are_those_of_the_standard() {
        for (at, expected) in VECTORS {
            assert_eq!(shown(SECRET, at), expected, "at {at}");
            assert_eq!(step_of(SECRET, expected, at), Some(at / 30));
        }
    }

    #[test]
    fn the_step_before_and_the_one_after_are_taken_and_no_other() {
        let typed = "081804";
        let at = 1_111_111_109;
        for (off, taken) in [(-60, false), (-30, true), (0, true), (30, true), (60, false)] {
            let step = step_of(SECRET, typed, at + off);
            assert_eq!(step, taken.then_some(at / 30), "{off} s off");
        }
    }

    #[test]
    fn what_is_no_code_matches_nothing() {
        assert_eq!(step_of(SECRET, " 081 804 ", 1_111_111_109), Some(37_037_036));
        for typed in ["", "81804", "0818040", "08180a", "-81804", "+81804", "٠٨١٨٠٤"] {
            assert_eq!(step_of(SECRET, typed, 1_111_111_109), None, "{typed}");
        }
    }

    #[test]
    fn secrets_are_written_as_apps_take_them() {
        // RFC 4648, section 10, without padding.
        for (bytes, text) in
            [("", ""), ("f", "MY"), ("fo", "MZXQ"), ("foo", "MZXW6"), ("foobar", "MZXW6YTBOI")]
        {
            assert_eq!(base32(bytes.as_bytes()), text);
            assert_eq!(from_base32(text).unwrap(), bytes.as_bytes());
        }
        assert_eq!(from_base32("MZ1W"), None);
        assert_eq!(
            uri(SECRET, "ann@x ü"),
            "otpauth://totp/Paddock:ann@x%20%C3%BC?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Paddock"
        );
    }
}
