//! Sizes.

/// `0 B`, `512 B`, `1.5 kB`, `16 MB`: powers of 1024 as PostgreSQL's `pg_size_pretty` writes them.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    // In 1024ths of the unit: formatting fractions is code that the browser would load for this alone.
    let mut parts = bytes;
    let mut unit = 0;
    // 1023.95 would print as 1024.0.
    while parts >= 1_048_525 && unit + 1 < UNITS.len() {
        parts >>= 10;
        unit += 1;
    }
    let unit = UNITS[unit];
    // Below 9.95 with a tenth.
    if parts < 10_189 {
        let tenths = (parts * 10 + 512) >> 10;
        format!("{}.{} {unit}", tenths / 10, tenths % 10)
    } else {
        format!("{} {unit}", (parts + 512) >> 10)
    }
}

/// `1 step`, `2 steps`: what `count!` says in English.
#[allow(dead_code, reason = "a build in another language has a form for each of its nouns")]
pub fn count(n: usize, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

/// `1,234,567`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_numbers_are_grouped() {
        for (given, expect) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(given), expect);
        }
    }

    #[test]
    fn sizes_read_well() {
        let cases = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 kB"),
            (1536, "1.5 kB"),
            (10_188, "9.9 kB"),
            (10_189, "10 kB"),
            (16 << 20, "16 MB"),
            (1_048_524, "1024 kB"),
            ((1 << 20) - 1, "1.0 MB"),
            (u64::MAX, "16 EB"),
        ];
        for (given, expect) in cases {
            assert_eq!(bytes(given), expect);
        }
    }
}
