//! Where a text occurs among many lines, letters of ASCII in either case.

/// Bytes that are compared at once: the compiler makes a few instructions of it.
const STRIDE: usize = 32;

/// What is sought, and which of its bytes is sought first.
#[derive(Clone, Debug)]
pub(crate) struct Needle {
    /// In lower case.
    bytes: Vec<u8>,
    /// Which of them is the rarest in the text.
    anchor: usize,
}

/// The bit by which the two cases of a letter differ; nothing for other bytes.
fn fold(byte: u8) -> u8 {
    if byte.is_ascii_lowercase() { 0x20 } else { 0 }
}

impl Needle {
    /// `count` tells how often each byte (letters in lower case) occurs where it will be sought. None: it is empty.
    pub(crate) fn new(text: &str, count: &[u32; 256]) -> Option<Self> {
        let bytes = text.to_ascii_lowercase().into_bytes();
        let rarest = bytes.iter().enumerate().min_by_key(|(_, byte)| count[usize::from(**byte)]);
        rarest.map(|(anchor, _)| anchor).map(|anchor| Self { bytes, anchor })
    }

    /// Where it begins in `text`, first from `from` on.
    pub(crate) fn find(&self, text: &[u8], from: usize) -> Option<usize> {
        let byte = self.bytes[self.anchor];
        let mut at = from + self.anchor;
        loop {
            at = position(text, at, byte, fold(byte))?;
            let begin = at - self.anchor;
            let here = text.get(begin..begin + self.bytes.len())?;
            if here.iter().zip(&self.bytes).all(|(byte, wanted)| byte | fold(*wanted) == *wanted) {
                return Some(begin);
            }
            at += 1;
        }
    }
}

fn position(text: &[u8], from: usize, byte: u8, fold: u8) -> Option<usize> {
    let rest = text.get(from..)?;
    let same = |other: &u8| other | fold == byte;
    let mut strides = rest.chunks_exact(STRIDE);
    let mut before = from;
    for stride in &mut strides {
        // Without an early end, so that all are compared at once.
        if stride.iter().fold(false, |any, other| any | same(other)) {
            return stride.iter().position(same).map(|at| before + at);
        }
        before += STRIDE;
    }
    strides.remainder().iter().position(same).map(|at| before + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_found_in_either_case_wherever_it_stands() {
        let check = |text: &str, needle: &str, at: Option<usize>| {
            let needle = Needle::new(needle, &[0; 256]).unwrap();
            assert_eq!(needle.find(text.as_bytes(), 0), at, "{text}");
        };
        let far = "x".repeat(100);
        check("Error", "eRR", Some(0));
        check(&(far.clone() + "ERROR"), "error", Some(100));
        check(&(far.clone() + "erro"), "error", None);
        check("[", "{", None);
        check("a@b", "a`b", None);
        check("ÜBER", "übER", None);
        check("Über", "Über", Some(0));
        check("", "x", None);
        assert!(Needle::new("", &[0; 256]).is_none());
    }
}
