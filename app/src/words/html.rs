//! HTML as text, for cells that nothing in the browser has to find again: a view of Leptos' own is code for each kind of cell,
//! to build, take over, change and remove it.

/// What is written so far. Markup is part of the program; all else goes through [`Html::text`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Html(String);

impl Html {
    /// Markup of ours.
    pub fn tag(mut self, markup: &'static str) -> Self {
        self.0 += markup;
        self
    }

    /// Text of whatever origin, between tags or between an attribute's double quotes.
    pub fn text(mut self, text: &str) -> Self {
        for letter in text.chars() {
            match letter {
                '&' => self.0 += "&amp;",
                '<' => self.0 += "&lt;",
                '>' => self.0 += "&gt;",
                '"' => self.0 += "&quot;",
                _ => self.0.push(letter),
            }
        }
        self
    }
}

/// For `inner_html`, which takes any text: by the type nothing comes there that was not written as above. The tests hold that
/// no page puts anything else there.
pub fn written(html: impl Fn() -> Html) -> impl Fn() -> String {
    move || html().0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_text_stays_text() {
        let html = Html::default()
            .tag("<b title=\"")
            .text("a\" onclick='x'&")
            .tag("\">")
            .text("</b><script>")
            .tag("</b>");
        assert_eq!(
            written(move || html.clone())(),
            "<b title=\"a&quot; onclick='x'&amp;\">&lt;/b&gt;&lt;script&gt;</b>"
        );
    }
}
