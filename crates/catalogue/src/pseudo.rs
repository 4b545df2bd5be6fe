//! A language that nobody speaks: it shows what is not translated, and what has no room to grow.

/// The text in brackets, its letters with accents; placeholders stay.
pub fn pseudo(english: &str) -> String {
    let mut out = String::from("[");
    let mut within = false;
    for sign in english.chars() {
        match sign {
            '{' => within = true,
            '}' => within = false,
            _ => {}
        }
        out.push(if within { sign } else { accented(sign) });
    }
    out.push(']');
    out
}

fn accented(sign: char) -> char {
    const PLAIN: &str = "AEIOUYaceinouyz";
    const ACCENTED: &str = "ÅÉÎÖÛÝåçéîñöûýž";
    let at = PLAIN.chars().position(|plain| plain == sign);
    at.and_then(|at| ACCENTED.chars().nth(at)).unwrap_or(sign)
}

#[cfg(test)]
mod tests {
    use super::pseudo;

    #[test]
    fn placeholders_stay_as_they_are() {
        assert_eq!(pseudo("Expires in {minutes:02} min"), "[Éxpîrés îñ {minutes:02} mîñ]");
    }
}
