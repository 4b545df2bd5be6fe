//! The JMESPath subset of service selectors: `[]`, `[? expr ]` with `==`, `!=`, `&&`, `||`, `!`, parentheses, field
//! names and back-tick literals that hold bare words (which standard JMESPath refuses).

use paddock_inventory::{Value, Vars};

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Literal(String),
    Op(&'static str),
}

/// Whether a member is selected; the error names what was not understood.
pub(crate) fn selects(selector: &str, vars: &Vars) -> Result<bool, String> {
    let text = selector.trim();
    if text == "[]" || text == "[*]" {
        return Ok(true);
    }
    let inner = text.strip_prefix("[?").and_then(|rest| rest.strip_suffix(']'));
    let inner = inner.ok_or_else(|| format!("selector `{text}` is not `[]` or `[? … ]`"))?;
    let tokens = tokens(inner)?;
    let mut parser = Parser { tokens: &tokens, at: 0, vars };
    let value = parser.or()?;
    if parser.at != tokens.len() {
        return Err(format!("selector `{text}` goes on where it should end"));
    }
    Ok(truthy(&value))
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let chars: Vec<char> = text.chars().collect();
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        let pair: String = chars[at..].iter().take(2).collect();
        if c.is_whitespace() {
            at += 1;
        } else if let Some(op) = ["==", "!=", "&&", "||"].into_iter().find(|op| *op == pair) {
            out.push(Token::Op(op));
            at += 2;
        } else if let Some(op) = ["!", "(", ")"].into_iter().find(|op| op.starts_with(c)) {
            out.push(Token::Op(op));
            at += 1;
        } else if c == '`' || c == '\'' {
            let end = chars[at + 1..].iter().position(|other| *other == c);
            let end = end.ok_or_else(|| format!("selector: `{c}` is not closed"))? + at + 1;
            out.push(Token::Literal(
                chars[at + 1..end].iter().collect::<String>().trim().trim_matches('"').to_owned(),
            ));
            at = end + 1;
        } else if c.is_alphanumeric() || c == '_' {
            let word: String = chars[at..].iter().take_while(|c| c.is_alphanumeric() || **c == '_').collect();
            at += word.chars().count();
            out.push(Token::Word(word));
        } else {
            return Err(format!("selector: `{c}` is not understood"));
        }
    }
    Ok(out)
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    vars: &'a Vars,
}

impl Parser<'_> {
    fn eat(&mut self, op: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Op(have)) if *have == op);
        self.at += usize::from(found);
        found
    }

    fn or(&mut self) -> Result<Value, String> {
        let mut left = self.and()?;
        while self.eat("||") {
            let right = self.and()?;
            left = if truthy(&left) { left } else { right };
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Value, String> {
        let mut left = self.compare()?;
        while self.eat("&&") {
            let right = self.compare()?;
            left = if truthy(&left) { right } else { left };
        }
        Ok(left)
    }

    fn compare(&mut self) -> Result<Value, String> {
        let left = self.unary()?;
        let negate = if self.eat("==") {
            false
        } else if self.eat("!=") {
            true
        } else {
            return Ok(left);
        };
        let right = self.unary()?;
        Ok(Value::Bool((left.to_text() == right.to_text()) != negate))
    }

    fn unary(&mut self) -> Result<Value, String> {
        if self.eat("!") {
            return Ok(Value::Bool(!truthy(&self.unary()?)));
        }
        if self.eat("(") {
            let inner = self.or()?;
            return if self.eat(")") { Ok(inner) } else { Err("selector: `(` is not closed".to_owned()) };
        }
        let token = self.tokens.get(self.at);
        self.at += 1;
        match token {
            Some(Token::Word(name)) => Ok(self.vars.value(name).cloned().unwrap_or(Value::Null)),
            Some(Token::Literal(text)) => Ok(match text.as_str() {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                "null" => Value::Null,
                _ => Value::Text(text.clone()),
            }),
            Some(Token::Op(_)) | None => Err("selector: a name or literal is missing".to_owned()),
        }
    }
}

/// JMESPath's truth: null, false and everything empty are false; the text "false" is true.
fn truthy(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Bool(true) | Value::Int(_) | Value::Float(_) => true,
        Value::Text(text) => !text.is_empty(),
        Value::List(items) => !items.is_empty(),
        Value::Map(map) => !map.0.is_empty(),
    }
}
